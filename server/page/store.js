// What the browser keeps: one entry for each conversation, the settings, and the looks. All of it stays on this machine.
import { parseConversation } from "./conversation.js";

const PREFIX = "ttt.conversation.";
const SETTINGS = "ttt.settings";
const memory = new Map();  // where the browser keeps nothing, until the page is closed

function read(key) {
  try {
    return localStorage.getItem(key) ?? memory.get(key) ?? null;
  } catch {
    return memory.get(key) ?? null;
  }
}

// "saved", "full" where there is no room left, "refused" where this browser stores nothing.
function write(key, value) {
  memory.set(key, value);
  try {
    localStorage.setItem(key, value);
    memory.delete(key);
    return "saved";
  } catch (error) {
    return error.name === "QuotaExceededError" || error.code === 22 ? "full" : "refused";
  }
}

function remove(key) {
  memory.delete(key);
  try {
    localStorage.removeItem(key);
  } catch {
    // There was nothing.
  }
}

function keys() {
  const result = new Set(memory.keys());
  try {
    for (let i = 0; i < localStorage.length; ++i) result.add(localStorage.key(i));
  } catch {
    // Only what is in memory.
  }
  return [...result].filter((key) => key.startsWith(PREFIX));
}

function parse(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

export function loadConversation(id) {
  return parseConversation(parse(read(PREFIX + id)));
}

// All that can be read, the last used first.
export function loadConversations() {
  const all = keys().map((key) => parseConversation(parse(read(key)))).filter((conversation) => conversation !== null);
  return all.sort((a, b) => b.updated - a.updated);
}

export function saveConversation(conversation) {
  return write(PREFIX + conversation.id, JSON.stringify(conversation));
}

export function deleteConversation(id) {
  remove(PREFIX + id);
}

export function loadSettings() {
  const settings = parse(read(SETTINGS));
  return typeof settings === "object" && settings !== null ? settings : {};
}

export function saveSettings(settings) {
  return write(SETTINGS, JSON.stringify(settings));
}

// Calls back with the id of a conversation that another tab changed or deleted.
export function onForeignChange(callback) {
  addEventListener("storage", (event) => {
    if (event.key?.startsWith(PREFIX)) callback(event.key.slice(PREFIX.length));
  });
}
