// How full the context is and how fast the answer comes.
import { tokensOfContext, tokensPerSecond } from "./turn.js";

export function showMeter(parts, messages, context) {
  const answers = messages.filter((message) => message.role === "assistant" && message.stats);
  const last = answers.at(-1);
  const streaming = last?.state === "streaming";
  const speed = streaming ? tokensPerSecond(last.stats) : null;
  parts.speed.textContent = speed !== null ? `${speed.toFixed(1)} tokens/s` : streaming ? waitingText(last) : "";

  // The last count that the server gave, and what has been written since.
  const counted = answers.findLast((message) => tokensOfContext(message.stats) !== null);
  let tokens = counted ? tokensOfContext(counted.stats) : null;
  if (streaming && tokens !== null && counted !== last) tokens += last.stats.completion;
  parts.meter.hidden = tokens === null;
  if (tokens === null) return;
  const count = tokens.toLocaleString("en");
  const share = context ? Math.min(1, tokens / context) : 0;
  parts.text.textContent = context ? `${count} of ${context.toLocaleString("en")} tokens (${percent(share)})` : `${count} tokens`;
  parts.bar.hidden = !context;
  parts.fill.style.width = `${share * 100}%`;
  parts.meter.dataset.level = share > 0.95 ? "full" : share > 0.8 ? "high" : "";
  parts.meter.title = share > 0.8 ? "The context of the model is nearly full. A new conversation has all of it." : "Context in use";
}

function waitingText(message) {
  return message.content || message.reasoning ? "" : "Reading the prompt…";
}

function percent(share) {
  return share > 0 && share < 0.01 ? "<1 %" : `${Math.round(share * 100)} %`;
}
