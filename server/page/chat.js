// All conversations and the answers that are being written. It knows nothing of the document: whoever shows it is told by
// onChange what has changed ("list", "messages", "text" of a message, "storage").
import { addMessage, before, choose, newConversation, path, removeMessage, requestMessages, versions } from "./conversation.js";
import { deleteConversation, loadConversation, loadConversations, saveConversation } from "./store.js";
import { runTurn } from "./turn.js";

const SAVE_EVERY = 2000;  // milliseconds, while an answer is written

export class Chat {
  // parameters(): a promise of the fields of a request other than the messages
  constructor({ parameters, onChange }) {
    this.parameters = parameters;
    this.onChange = onChange;
    this.conversations = new Map(loadConversations().map((conversation) => [conversation.id, conversation]));
    this.running = new Map();  // by id of the conversation: {controller, message}
    this.current = null;
    this.storage = "saved";
  }

  list() {
    return [...this.conversations.values()].sort((a, b) => b.updated - a.updated);
  }

  messages() {
    return path(this.current);
  }

  versions(message) {
    return versions(this.current, message);
  }

  isRunning(id = this.current.id) {
    return this.running.has(id);
  }

  startNew(system) {
    this.current = newConversation(system);
    this.onChange("list");
    this.onChange("messages");
  }

  open(id) {
    const conversation = this.conversations.get(id);
    if (!conversation) return false;
    this.current = conversation;
    this.onChange("list");
    this.onChange("messages");
    return true;
  }

  // A conversation is kept from its first message on.
  save(conversation = this.current) {
    if (!this.conversations.has(conversation.id)) return;
    this.storage = saveConversation(conversation);
    this.onChange("storage");
  }

  send(text) {
    const { current } = this;
    if (this.isRunning()) return;
    this.conversations.set(current.id, current);
    const message = addMessage(current, path(current).at(-1)?.id, "user", text);
    this.answer(message);
  }

  // The text of a message of the user, changed: a new version of it, with an answer of its own.
  resend(message, text) {
    if (this.isRunning()) return;
    this.answer(addMessage(this.current, message.parent, "user", text));
  }

  // Another answer beside this one; instead of it, where it failed before it began.
  regenerate(message) {
    if (this.isRunning()) return;
    const asked = this.current.messages[message.parent];
    if (message.state === "error" && !message.content && !message.reasoning) removeMessage(this.current, message);
    this.answer(asked);
  }

  choose(message) {
    if (this.isRunning()) return;
    choose(this.current, message);
    this.save();
    this.onChange("messages");
  }

  stop() {
    this.running.get(this.current.id)?.controller.abort();
  }

  stopAll() {
    for (const { controller } of this.running.values()) controller.abort();
  }

  saveRunning() {
    for (const id of this.running.keys()) {
      const conversation = this.conversations.get(id);
      if (conversation) this.save(conversation);
    }
  }

  async answer(asked) {
    const conversation = this.current;
    const message = addMessage(conversation, asked.id, "assistant", "", { state: "streaming" });
    await this.run(message, requestMessages(conversation, [...before(conversation, asked), asked]));
  }

  // The same answer, from where it ended.
  async goOn(message) {
    if (this.isRunning() || !message.content) return;
    const messages = requestMessages(this.current, [...before(this.current, message), message]);
    await this.run(message, messages, { continue_final_message: true, add_generation_prompt: false });
  }

  async run(message, messages, goesOn = null) {
    const conversation = this.current;
    const controller = new AbortController();
    this.running.set(conversation.id, { controller, message });
    message.state = "streaming";
    this.save(conversation);
    this.onChange("list");
    this.onChange("messages", { sent: true });
    let saved = performance.now();
    const parameters = await this.parameters();
    const changed = () => {
      if (performance.now() - saved > SAVE_EVERY) {
        saved = performance.now();
        this.save(conversation);
      }
      if (conversation === this.current) this.onChange("text", message);
    };
    await runTurn(message, { ...parameters, ...goesOn, messages }, controller.signal, changed, goesOn !== null);
    this.running.delete(conversation.id);
    conversation.updated = Date.now();
    this.save(conversation);
    this.onChange("list");
    if (conversation === this.current) this.onChange("messages");
    this.onChange("ended", message);
  }

  setSystem(text) {
    this.current.system = text;
    this.save();
  }

  rename(id, title) {
    const conversation = this.conversations.get(id);
    if (!conversation) return;
    conversation.title = title;
    this.save(conversation);
    this.onChange("list");
  }

  remove(id) {
    this.running.get(id)?.controller.abort();
    this.conversations.delete(id);
    deleteConversation(id);
    this.onChange("list");
  }

  // Conversations from a file; one that is here already gets the file's content.
  add(conversations) {
    for (const conversation of conversations) {
      if (this.running.has(conversation.id)) continue;
      this.conversations.set(conversation.id, conversation);
      this.save(conversation);
      if (conversation.id === this.current.id) this.current = conversation;
    }
    this.onChange("list");
    this.onChange("messages");
  }

  // Another tab changed or deleted this conversation. What this tab is writing stays as it is here.
  reload(id) {
    if (this.running.has(id)) return;
    const conversation = loadConversation(id);
    if (conversation) {
      this.conversations.set(id, conversation);
      if (this.current.id === id) this.current = conversation;
    } else {
      this.conversations.delete(id);
    }
    this.onChange("list");
    if (this.current.id === id) this.onChange("messages");
  }
}
