// The server's API as the page uses it. Addresses are relative to the page, so it also works below a path of a proxy.

const KEY = "ttt.key";
let keyOfThisPage = null;  // where the browser keeps nothing

// The API key lives as long as the tab: it is a secret, and a conversation's storage is not the place for one.
export const apiKey = {
  get() {
    try {
      return sessionStorage.getItem(KEY) ?? keyOfThisPage;
    } catch {
      return keyOfThisPage;
    }
  },
  set(value) {
    keyOfThisPage = value || null;
    try {
      if (value) {
        sessionStorage.setItem(KEY, value);
      } else {
        sessionStorage.removeItem(KEY);
      }
    } catch {
      // It is kept in this page alone.
    }
  },
};

// A request that did not succeed. `status` is 0 where no answer came at all.
export class ApiError extends Error {
  constructor(message, status = 0, code = null, retryAfter = null) {
    super(message);
    this.name = "ApiError";
    this.status = status;
    this.code = code;
    this.retryAfter = retryAfter;  // seconds
  }
}

async function request(path, options = {}) {
  const headers = { ...options.headers };
  const key = apiKey.get();
  if (key) headers.Authorization = `Bearer ${key}`;
  let response;
  try {
    response = await fetch(new URL(path, document.baseURI), { ...options, headers, cache: "no-store", redirect: "error" });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ApiError("The server cannot be reached.");
  }
  if (!response.ok) throw await errorOf(response);
  return response;
}

async function errorOf(response) {
  const text = await response.text().catch(() => "");
  let details = {};
  try {
    details = JSON.parse(text).error ?? {};
  } catch {
    // A proxy may answer with a page of its own.
  }
  const message = typeof details.message === "string" ? details.message
                                                      : `The server answered ${response.status} ${response.statusText}`.trim();
  const wait = Number.parseInt(response.headers.get("Retry-After") ?? "", 10);
  return new ApiError(message, response.status, details.code ?? null, Number.isFinite(wait) ? wait : null);
}

// [{id, max_model_len, ...}]
export async function listModels(signal) {
  const answer = await (await request("v1/models", { signal })).json();
  if (!Array.isArray(answer?.data)) throw new ApiError("This is not the answer of an OpenAI-compatible server.");
  return answer.data;
}

export async function fetchMetrics(signal) {
  return (await request("metrics", { signal })).text();
}

// The chunks of a streamed answer. A stream that ends without "[DONE]" was cut off, which is an error.
export async function* streamChat(body, signal) {
  const response = await request("v1/chat/completions", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ ...body, stream: true, stream_options: { include_usage: true } }),
    signal,
  });
  for await (const data of serverSentEvents(response.body)) {
    if (data === "[DONE]") return;
    let chunk;
    try {
      chunk = JSON.parse(data);
    } catch {
      throw new ApiError("The server sent something that is not JSON.", response.status);
    }
    if (chunk.error) {
      const status = Number.isInteger(chunk.error.code) ? chunk.error.code : response.status;
      throw new ApiError(chunk.error.message ?? "The server reported an error.", status, chunk.error.code ?? null);
    }
    yield chunk;
  }
  throw new ApiError("The connection was lost before the answer was complete.");
}

// The data of each event of a text/event-stream.
async function* serverSentEvents(stream) {
  const reader = stream.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  let data = [];
  try {
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      // An end "\r\n" may arrive in two parts.
      const lines = (rest + value).split(/\r\n|\n|\r(?!$)/);
      rest = lines.pop();
      for (const line of lines) {
        if (line === "") {
          if (data.length) yield data.join("\n");
          data = [];
        } else if (line.startsWith("data:")) {
          data.push(line.slice(line[5] === " " ? 6 : 5));
        }
      }
    }
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ApiError("The connection was lost before the answer was complete.");
  } finally {
    reader.cancel().catch(() => {});
  }
}
