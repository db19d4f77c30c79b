// The field for typing and its button, which sends, or stops while an answer is written.
import { icon } from "./dom.js";

export class Composer {
  // actions: {send(text), stop(), editLast()}
  constructor(form, field, button, actions) {
    Object.assign(this, { form, field, button, actions });
    this.drafts = new Map();  // by conversation
    this.conversation = null;
    this.busy = false;
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      if (this.busy) {
        this.actions.stop();
      } else {
        this.send();
      }
    });
    field.addEventListener("input", () => this.changed());
    field.addEventListener("keydown", (event) => this.onKey(event));
  }

  onKey(event) {
    if (event.isComposing) return;
    // On a screen keyboard the Enter key makes a new line; there is a button to send.
    const phone = matchMedia("(hover: none) and (pointer: coarse)").matches;
    if (event.key === "Enter" && !event.shiftKey && !phone) {
      event.preventDefault();
      this.send();
    } else if (event.key === "ArrowUp" && this.field.value === "") {
      event.preventDefault();
      this.actions.editLast();
    }
  }

  send() {
    const text = this.field.value.trim();
    if (!text || this.busy) return;
    this.set("");
    this.actions.send(text);
  }

  set(text) {
    this.field.value = text;
    this.changed();
  }

  changed() {
    this.field.style.height = "auto";
    this.field.style.height = `${this.field.scrollHeight}px`;
    this.button.disabled = !this.busy && !this.field.value.trim();
    if (this.conversation !== null) this.drafts.set(this.conversation, this.field.value);
  }

  setBusy(busy) {
    this.busy = busy;
    const label = busy ? "Stop the answer" : "Send";
    if (this.button.getAttribute("aria-label") !== label) {
      this.button.setAttribute("aria-label", label);
      this.button.title = label;
      this.button.replaceChildren(icon(busy ? "stop" : "send"));
      this.button.classList.toggle("stop", busy);
    }
    this.changed();
  }

  // What was typed in a conversation is there again when it is shown again.
  setConversation(id) {
    if (id === this.conversation) return;
    this.conversation = id;
    this.set(this.drafts.get(id) ?? "");
  }

  focus() {
    this.field.focus();
  }
}
