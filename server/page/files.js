// Conversations as files, to keep or to move to another browser.
import { parseConversation } from "./conversation.js";
import { h } from "./dom.js";

const LARGEST = 50 * 1024 * 1024;  // bytes of a file that is read

export function download(conversations) {
  const one = conversations.length === 1;
  const name = one ? conversations[0].title.replace(/[^\p{L}\p{N}]+/gu, "-").replace(/^-|-$/g, "").slice(0, 60) : "";
  const date = new Date().toISOString().slice(0, 10);
  const text = JSON.stringify({ format: "ttt-conversations", version: 1, conversations }, null, 2);
  const url = URL.createObjectURL(new Blob([text], { type: "application/json" }));
  const link = h("a", { href: url, download: `${name || "conversations"}-${date}.json` });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(url), 10000);
}

// The conversations in a file that download() made. Throws an Error that says what is wrong with another one.
export async function readFile(file) {
  if (file.size > LARGEST) throw new Error(`${file.name} is larger than ${LARGEST / 1024 / 1024} MB.`);
  let value;
  try {
    value = JSON.parse(await file.text());
  } catch {
    throw new Error(`${file.name} is not JSON.`);
  }
  if (value?.format !== "ttt-conversations" || !Array.isArray(value.conversations)) {
    throw new Error(`${file.name} is not an export of this page.`);
  }
  const conversations = value.conversations.map(parseConversation);
  const bad = conversations.indexOf(null);
  if (bad >= 0) throw new Error(`${file.name}: conversation ${bad + 1} is damaged.`);
  return conversations;
}
