// A conversation is a tree of messages: an edited message or a regenerated answer stands beside the earlier one, and the
// reader chooses between them. What is shown and sent is the path that the choices make.
//
// Message: {id, parent, role: "user" | "assistant", content, reasoning, state, error, finish, stats, model, created}
// state:   "done" | "streaming" | "stopped" | "error"

// Also where the page is not a secure context, so without crypto.randomUUID().
export function newId() {
  return [...crypto.getRandomValues(new Uint8Array(12))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

export function newConversation(system = "") {
  const now = Date.now();
  return { version: 1, id: newId(), title: "", created: now, updated: now, system, messages: {}, choice: {} };
}

const ROOT = "";

export function addMessage(conversation, parent, role, content, fields = {}) {
  const message = { id: newId(), parent: parent ?? ROOT, role, content, reasoning: "", state: "done", error: null, finish: null,
                    stats: null, model: null, created: Date.now(), ...fields };
  conversation.messages[message.id] = message;
  conversation.choice[message.parent] = message.id;
  conversation.updated = message.created;
  if (!conversation.title && role === "user") conversation.title = titleOf(content);
  return message;
}

function titleOf(text) {
  const line = text.trim().split("\n")[0].replace(/\s+/g, " ");
  return line.length > 60 ? `${line.slice(0, 57).trimEnd()}…` : line || "Conversation";
}

// The messages that stand where this one stands, oldest first.
export function versions(conversation, message) {
  return Object.values(conversation.messages).filter((other) => other.parent === message.parent);
}

export function choose(conversation, message) {
  conversation.choice[message.parent] = message.id;
}

// The chosen messages from the first to the last.
export function path(conversation) {
  const result = [];
  for (let id = conversation.choice[ROOT]; id !== undefined; id = conversation.choice[id]) {
    const message = conversation.messages[id];
    if (!message || result.includes(message)) break;
    result.push(message);
  }
  return result;
}

// The messages before this one.
export function before(conversation, message) {
  const result = [];
  for (let at = conversation.messages[message.parent]; at; at = conversation.messages[at.parent]) result.unshift(at);
  return result;
}

export function removeMessage(conversation, message) {
  for (const child of Object.values(conversation.messages)) {
    if (child.parent === message.id) removeMessage(conversation, child);
  }
  delete conversation.messages[message.id];
  delete conversation.choice[message.id];
  const left = versions(conversation, message);
  if (conversation.choice[message.parent] === message.id) {
    if (left.length) {
      conversation.choice[message.parent] = left.at(-1).id;
    } else {
      delete conversation.choice[message.parent];
    }
  }
}

// A conversation from text that may come from anywhere; null if it is none. Fields of the wrong type are left out.
export function parseConversation(value) {
  if (typeof value !== "object" || value === null || value.version !== 1 || typeof value.id !== "string") return null;
  if (typeof value.messages !== "object" || value.messages === null) return null;
  const text = (field) => (typeof field === "string" ? field : "");
  const number = (field) => (Number.isFinite(field) ? field : Date.now());
  const conversation = { version: 1, id: value.id.replace(/\W/g, "").slice(0, 64) || newId(), title: text(value.title),
                         created: number(value.created), updated: number(value.updated), system: text(value.system),
                         messages: Object.create(null), choice: Object.create(null) };
  for (const [id, message] of Object.entries(value.messages)) {
    if (typeof message !== "object" || message === null || !["user", "assistant"].includes(message.role)) return null;
    // An answer that was being written when the page was closed is as complete as it will ever be.
    const state = message.state === "streaming" ? "stopped" : text(message.state) || "done";
    const stats = typeof message.stats === "object" ? message.stats : null;
    const error = typeof message.error?.message === "string" ? message.error : null;
    conversation.messages[id] = { id, parent: text(message.parent), role: message.role, content: text(message.content),
                                  reasoning: text(message.reasoning), state, error, finish: text(message.finish) || null,
                                  stats, model: text(message.model) || null, created: number(message.created) };
  }
  if (!isTree(conversation.messages)) return null;
  for (const [id, child] of Object.entries(value.choice ?? {})) {
    if (conversation.messages[child]?.parent === id) conversation.choice[id] = child;
  }
  return conversation;
}

// Whether following the parents ends, for every message.
function isTree(messages) {
  const ends = new Set();
  return Object.values(messages).every((message) => {
    const way = new Set();
    for (let at = message; at && !ends.has(at.id); at = messages[at.parent]) {
      if (way.has(at.id)) return false;
      way.add(at.id);
    }
    way.forEach((id) => ends.add(id));
    return true;
  });
}

// As messages of the API, with the system prompt first.
export function requestMessages(conversation, messages) {
  const result = conversation.system.trim() ? [{ role: "system", content: conversation.system }] : [];
  for (const { role, content } of messages) result.push({ role, content });
  return result;
}
