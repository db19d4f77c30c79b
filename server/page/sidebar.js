// The list of conversations: open, rename, export, delete.
import { h, iconButton } from "./dom.js";

// actions: {open(id), rename(id, title), export(id), remove(id)}
export class Sidebar {
  constructor(list, actions) {
    this.list = list;
    this.actions = actions;
    this.renaming = null;
  }

  show(conversations, current, running) {
    if (this.renaming) return;  // the field that is typed in stays
    const now = Date.now();
    const rows = [];
    let group = null;
    for (const conversation of conversations) {
      const name = groupOf(conversation.updated, now);
      if (name !== group) rows.push(h("li", { class: "group" }, name));
      group = name;
      rows.push(this.row(conversation, conversation.id === current, running(conversation.id)));
    }
    const focused = this.list.contains(document.activeElement) ? document.activeElement.dataset.focus : null;
    this.list.replaceChildren(...rows);
    if (focused) this.list.querySelector(`[data-focus="${CSS.escape(focused)}"]`)?.focus();
  }

  row(conversation, current, running) {
    const { id, title } = conversation;
    const name = title || "Conversation";
    const open = h("button", { type: "button", class: "open", title: name, "data-focus": id,
                               "aria-current": current ? "true" : null, onclick: () => this.actions.open(id) }, name);
    const row = h("li", { class: `row${current ? " current" : ""}${running ? " running" : ""}`, "data-conversation": id }, open,
                  h("span", { class: "row-tools" },
                    iconButton("pencil", `Rename “${name}”`, {}, () => this.rename(row, conversation)),
                    iconButton("download", `Export “${name}”`, {}, () => this.actions.export(id)),
                    iconButton("trash", `Delete “${name}”`, {}, () => this.actions.remove(id))));
    open.addEventListener("dblclick", () => this.rename(row, conversation));
    return row;
  }

  rename(row, conversation) {
    const field = h("input", { type: "text", class: "rename", "aria-label": "Name of the conversation", maxlength: "120" });
    field.value = conversation.title;
    this.renaming = conversation.id;
    const end = (take) => {
      if (this.renaming === null) return;
      this.renaming = null;
      const title = field.value.trim();
      this.actions.rename(conversation.id, take && title ? title : conversation.title);
    };
    field.addEventListener("keydown", (event) => {
      if (event.isComposing || !["Enter", "Escape"].includes(event.key)) return;
      event.preventDefault();
      event.stopPropagation();
      end(event.key === "Enter");
      this.list.querySelector(`[data-focus="${CSS.escape(conversation.id)}"]`)?.focus();
    });
    field.addEventListener("blur", () => end(true));
    row.replaceChildren(field);
    field.focus();
    field.select();
  }
}

function groupOf(time, now) {
  const today = new Date(now).setHours(0, 0, 0, 0);
  const day = 24 * 3600 * 1000;
  if (time >= today) return "Today";
  if (time >= today - day) return "Yesterday";
  if (time >= today - 7 * day) return "Last 7 days";
  return "Earlier";
}
