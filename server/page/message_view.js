// One message of the transcript.
import { confirmOn, copyText, h, icon, iconButton } from "./dom.js";
import { MarkdownView } from "./markdown.js";
import { keyForm } from "./notices.js";
import { tokensPerSecond } from "./turn.js";

// actions: {resend(message, text), regenerate(message), goOn(message), choose(message), versions(message), busy()}
export class MessageView {
  constructor(message, actions) {
    this.message = message;
    this.actions = actions;
    this.editing = false;
    this.body = h("div", { class: "body" });
    this.tools = h("div", { class: "tools" });
    const who = message.role === "user" ? "You" : "Answer";
    this.element = h("article", { class: `message ${message.role}`, "data-id": message.id, "aria-label": who }, this.body, this.tools);
    if (message.role === "assistant") this.buildAnswer();
  }

  buildAnswer() {
    this.thoughts = h("div", { class: "markdown thoughts" });
    this.thoughtsView = new MarkdownView(this.thoughts);
    this.summary = h("summary");
    this.details = h("details", { class: "reasoning" }, this.summary, this.thoughts);
    this.details.hidden = true;
    // What the reader chooses wins over what happens by itself.
    this.summary.addEventListener("click", () => (this.toggled = true));
    this.answer = h("div", { class: "markdown" });
    this.answerView = new MarkdownView(this.answer);
    this.waiting = h("div", { class: "waiting", "aria-hidden": "true" }, h("span"), h("span"), h("span"));
    this.note = h("div", { class: "notes" });
    this.body.append(this.details, this.answer, this.waiting, this.note);
    this.answer.addEventListener("click", copyCode);
    this.thoughts.addEventListener("click", copyCode);
  }

  update() {
    if (this.message.role === "user") {
      if (!this.editing) this.body.replaceChildren(h("div", { class: "bubble" }, this.message.content));
    } else {
      this.updateAnswer();
    }
    this.updateTools();
  }

  updateAnswer() {
    const { content, reasoning, state, stats } = this.message;
    const streaming = state === "streaming";
    this.details.hidden = !reasoning;
    if (reasoning) {
      const thinking = streaming && !content;
      const label = thinking ? "Thinking…" : stats?.thinking ? `Thought for ${duration(stats.thinking)}` : "Thoughts";
      if (this.summary.textContent !== label) this.summary.textContent = label;
      if (!this.toggled) this.details.open = thinking;
      this.details.classList.toggle("active", thinking);
      this.thoughtsView.update(reasoning, thinking);
    }
    this.answerView.update(content, streaming);
    this.waiting.hidden = !streaming || Boolean(content || reasoning);
    this.element.classList.toggle("streaming", streaming);
    const key = `${state}|${this.message.finish}|${this.message.error?.message}`;
    if (key === this.noteKey) return;
    this.noteKey = key;
    this.note.replaceChildren(...this.notes());
  }

  notes() {
    const { state, finish, error, content, reasoning } = this.message;
    const again = () => this.actions.regenerate(this.message);
    if (state === "error") {
      const retry = h("button", { type: "button", class: "button", onclick: again }, "Try again");
      const needsKey = error?.status === 401;
      return [h("div", { class: "failure", role: "alert" }, icon("warning"),
                h("div", { class: "notice-text" }, h("span", null, error?.message ?? "The answer failed."), hintOf(error),
                  needsKey ? keyForm(again) : null),
                needsKey ? null : retry)];
    }
    const goOn = content ? h("button", { type: "button", class: "button", onclick: () => this.actions.goOn(this.message) }, "Continue") : null;
    const note = (text) => h("div", { class: "note" }, h("span", null, text), goOn);
    if (state === "stopped") return [note(content || reasoning ? "Stopped." : "Stopped before the answer began.")];
    if (finish === "length") return [note("The answer ended at the limit of tokens.")];
    if (state === "done" && !content && !reasoning) return [h("p", { class: "note" }, "The answer is empty.")];
    return [];
  }

  updateTools() {
    const all = this.actions.versions(this.message);
    const at = all.indexOf(this.message);
    const streaming = this.message.state === "streaming";
    const busy = this.actions.busy();
    const key = JSON.stringify([all.length, at, streaming, busy, this.editing, this.message.stats?.exact, this.message.state]);
    if (key === this.toolsKey) return;
    this.toolsKey = key;
    const parts = [];
    if (!streaming && !this.editing) {
      if (this.message.role === "user") {
        if (!busy) parts.push(iconButton("pencil", "Edit", {}, () => this.edit()));
      } else if (!busy && this.message.state !== "error") {
        parts.push(iconButton("again", "Answer again", {}, () => this.actions.regenerate(this.message)));
      }
      if (this.message.content) parts.unshift(iconButton("copy", "Copy", {}, (event) => this.copy(event.currentTarget)));
      if (all.length > 1) parts.push(this.versionSwitch(all, at, busy));
      const summary = statsText(this.message.stats);
      if (summary) parts.push(h("span", { class: "stats" }, summary));
    }
    this.tools.replaceChildren(...parts);
  }

  versionSwitch(all, at, busy) {
    const go = (to) => this.actions.choose(all[to]);
    return h("span", { class: "versions", role: "group", "aria-label": "Versions" },
             iconButton("left", "Earlier version", { disabled: busy || at === 0 }, () => go(at - 1)),
             h("span", null, `${at + 1}/${all.length}`),
             iconButton("right", "Later version", { disabled: busy || at === all.length - 1 }, () => go(at + 1)));
  }

  focusVersions() {
    this.tools.querySelector(".versions button:not(:disabled)")?.focus();
  }

  async copy(button) {
    confirmOn(button, await copyText(this.message.content));
  }

  edit() {
    if (this.editing || this.message.role !== "user" || this.actions.busy()) return;
    this.editing = true;
    const field = h("textarea", { class: "edit-field", "aria-label": "Edit the message", rows: "1" });
    field.value = this.message.content;
    const fit = () => {
      field.style.height = "auto";
      field.style.height = `${field.scrollHeight + 2}px`;
    };
    const send = () => {
      if (!field.value.trim()) return;
      this.editing = false;
      this.actions.resend(this.message, field.value);
    };
    const onkeydown = (event) => {
      if (event.key === "Escape") {
        event.stopPropagation();
        this.cancelEdit();
      } else if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
        event.preventDefault();
        send();
      }
    };
    field.addEventListener("input", fit);
    field.addEventListener("keydown", onkeydown);
    this.body.replaceChildren(h("div", { class: "edit" }, field, h("div", { class: "edit-buttons" },
        h("button", { type: "button", class: "button", onclick: () => this.cancelEdit() }, "Cancel"),
        h("button", { type: "button", class: "button primary", onclick: send }, "Send"))));
    this.updateTools();
    fit();
    field.focus();
    field.setSelectionRange(field.value.length, field.value.length);
  }

  cancelEdit() {
    this.editing = false;
    this.update();
    document.getElementById("message").focus();
  }
}

async function copyCode(event) {
  const button = event.target.closest('[data-action="copy-code"]');
  if (!button) return;
  const code = button.closest(".code").querySelector("code").textContent;
  confirmOn(button, await copyText(code));
}

function hintOf(error) {
  const hints = {
    context_length_exceeded: "The conversation is longer than the model's context. Start a new one, or edit an earlier message.",
  };
  let text = hints[error?.code] ?? null;
  if (!text && error?.status === 0) text = "Is the server still running?";
  if (!text && (error?.status === 429 || error?.status === 503)) text = "The server is busy. It may work in a moment.";
  return text ? h("span", { class: "hint" }, text) : null;
}

export function duration(seconds) {
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  if (seconds < 90) return `${Math.round(seconds)} s`;
  return `${Math.floor(seconds / 60)} min ${Math.round(seconds % 60)} s`;
}

export function statsText(stats) {
  if (!stats || stats.first === null || stats.first === undefined) return "";
  const parts = [];
  const speed = tokensPerSecond(stats);
  if (speed !== null) parts.push(`${speed < 100 ? speed.toFixed(1) : Math.round(speed)} tokens/s`);
  parts.push(`${stats.exact ? "" : "about "}${stats.completion.toLocaleString("en")} tokens`);
  parts.push(`first after ${duration(stats.first)}`);
  if (stats.cached) parts.push(`${stats.cached.toLocaleString("en")} from the cache`);
  return parts.join(" · ");
}
