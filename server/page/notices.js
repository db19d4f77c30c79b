// Messages above the field for typing: one for each matter, until it is settled.
import { apiKey } from "./api.js";
import { h, icon, iconButton } from "./dom.js";

const shown = new Map();

// actions: [[label, function], ...]; a notice without any can be closed.
export function showNotice(area, name, text, actions = [], content = null) {
  clearNotice(name);
  const buttons = actions.map(([label, act]) => h("button", { type: "button", class: "button", onclick: act }, label));
  const close = actions.length || content ? null : iconButton("close", "Close", {}, () => clearNotice(name));
  const notice = h("div", { class: "notice", role: "alert", "data-notice": name }, icon("warning"),
                   h("div", { class: "notice-text" }, h("span", null, text), content), buttons, close);
  shown.set(name, notice);
  area.append(notice);
}

export function clearNotice(name) {
  shown.get(name)?.remove();
  shown.delete(name);
}

let forms = 0;

// Asks for the API key and keeps it for this tab.
export function keyForm(onKey) {
  const id = `api-key-${++forms}`;
  const input = h("input", { type: "password", id, autocomplete: "off", spellcheck: "false", required: true });
  const submit = (event) => {
    event.preventDefault();
    if (!input.value.trim()) return;
    apiKey.set(input.value.trim());
    onKey();
  };
  return h("form", { class: "key-form", onsubmit: submit }, h("label", { for: id }, "API key"), input,
           h("button", { type: "submit", class: "button primary" }, "Use"));
}
