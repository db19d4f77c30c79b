// One answer: sends the request, takes the stream into the message, measures.
import { streamChat } from "./api.js";

// Streams into `message`, after what it has if `goesOn`, and calls `changed()` after every chunk. When the promise is fulfilled the message's state says
// how it ended; it is never rejected. Stats: {prompt, completion, cached, first, seconds, thinking} (tokens; seconds until
// the first token, from then to the last, and until the answer began after reasoning).
export async function runTurn(message, body, signal, changed, goesOn = false) {
  const begin = performance.now();
  const seconds = () => (performance.now() - begin) / 1000;
  const stats = { prompt: null, completion: 0, cached: null, first: null, seconds: 0, thinking: null, exact: false };
  if (!goesOn) Object.assign(message, { content: "", reasoning: "" });
  const had = message.reasoning;
  Object.assign(message, { state: "streaming", error: null, finish: null, stats });
  changed();
  try {
    signal.throwIfAborted();
    for await (const chunk of streamChat(body, signal)) {
      const choice = chunk.choices?.[0];
      const reasoning = choice?.delta?.reasoning_content ?? choice?.delta?.reasoning ?? "";
      const content = choice?.delta?.content ?? "";
      if (reasoning || content) {
        stats.first ??= seconds();
        if (content && message.reasoning !== had && stats.thinking === null) stats.thinking = seconds() - stats.first;
        stats.seconds = seconds() - stats.first;
        stats.completion += 1;  // about one token; the usage at the end is exact
        message.reasoning += reasoning;
        message.content += content;
      }
      if (choice?.finish_reason) message.finish = choice.finish_reason;
      if (chunk.model) message.model = chunk.model;
      if (chunk.usage) takeUsage(stats, chunk.usage);
      changed();
    }
    message.state = "done";
  } catch (error) {
    if (signal.aborted) {
      message.state = "stopped";
    } else {
      message.state = "error";
      message.error = { message: error.message, status: error.status ?? 0, code: error.code ?? null,
                        retryAfter: error.retryAfter ?? null };
    }
  }
  changed();
}

function takeUsage(stats, usage) {
  stats.prompt = usage.prompt_tokens ?? null;
  stats.completion = usage.completion_tokens ?? stats.completion;
  stats.cached = usage.prompt_tokens_details?.cached_tokens ?? null;
  stats.exact = true;
}

// Tokens in a second after the first one, or null where that says nothing.
export function tokensPerSecond(stats) {
  return stats && stats.completion > 1 && stats.seconds > 0.05 ? (stats.completion - 1) / stats.seconds : null;
}

// Tokens that this answer and all before it take in the context, or null where the server has not said.
export function tokensOfContext(stats) {
  return stats?.exact && stats.prompt !== null ? stats.prompt + stats.completion : null;
}
