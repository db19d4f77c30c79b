// Shows Markdown in an element, also while its text grows. Nodes are built one by one, so no text becomes markup.
import { h, icon, morph } from "./dom.js";
import { highlight } from "./highlight.js";
import { parseBlocks } from "./markdown_blocks.js";
import { parseInline } from "./markdown_inline.js";

export class MarkdownView {
  constructor(element) {
    this.element = element;
    this.text = "";    // what is shown
    this.settled = 0;  // where the last block begins in it: all before is final
    this.shown = 0;    // blocks before that
  }

  // `open`: more text will follow. Blocks that are final are not touched again.
  update(text, open = false) {
    if (!text.startsWith(this.text.slice(0, this.settled))) this.settled = this.shown = 0;
    this.text = text;
    const rest = text.slice(this.settled);
    const blocks = parseBlocks(rest, open);
    blocks.forEach((block, i) => {
      const wanted = renderBlock(block, open && i === blocks.length - 1);
      const now = this.element.childNodes[this.shown + i];
      if (now) {
        morph(now, wanted);
      } else {
        this.element.append(wanted);
      }
    });
    const count = this.shown + blocks.length;
    while (this.element.childNodes.length > count) this.element.lastChild.remove();
    if (open && blocks.length > 1) {
      this.settled += offsetOfLine(rest, blocks.at(-1).from);
      this.shown += blocks.length - 1;
    }
  }
}

function offsetOfLine(text, line) {
  let at = 0;
  // The same line ends as parseBlocks() takes.
  for (const end = /\r\n?|\n/g; line > 0; --line) {
    end.lastIndex = at;
    end.exec(text);
    at = end.lastIndex;
  }
  return at;
}

function renderBlock(block, open) {
  switch (block.type) {
    case "paragraph":
      return h("p", null, renderInline(block.text, open));
    case "heading":
      // The page's own headings are h1 and h2.
      return h(`h${Math.min(6, block.level + 2)}`, { class: `level-${block.level}` }, renderInline(block.text, open));
    case "rule":
      return h("hr");
    case "code":
      return renderCode(block);
    case "quote":
      return h("blockquote", null, renderBlocks(block.blocks, open));
    case "list":
      return renderList(block, open);
    case "table":
      return renderTable(block, open);
  }
  throw new Error(`renderBlock: no kind of block is called ${block.type}`);
}

function renderBlocks(blocks, open) {
  return blocks.map((block, i) => renderBlock(block, open && i === blocks.length - 1));
}

function renderList(block, open) {
  const items = block.items.map((item, i) => {
    const inner = renderBlocks(item.blocks, open && i === block.items.length - 1);
    if (item.done === null) return h("li", null, inner);
    const box = h("input", { class: "task-box", type: "checkbox", disabled: true, checked: item.done, "aria-label": item.done ? "done" : "to do" });
    return h("li", { class: "task" }, box, h("div", null, inner));
  });
  return block.ordered ? h("ol", { start: block.start === 1 ? null : block.start }, items) : h("ul", null, items);
}

function renderTable(block, open) {
  const row = (cells, tag, last) => h("tr", null, cells.map((cell, i) => {
    const align = block.align[i] ? `align-${block.align[i]}` : null;
    return h(tag, { class: align, scope: tag === "th" ? "col" : null }, renderInline(cell, last && i === cells.length - 1));
  }));
  const body = block.rows.map((cells, i) => row(cells, "td", open && i === block.rows.length - 1));
  return h("div", { class: "table", tabindex: "0", role: "region", "aria-label": "Table" },
           h("table", null, h("thead", null, row(block.head, "th", open && !body.length)), h("tbody", null, body)));
}

function renderCode(block) {
  const copy = h("button", { type: "button", class: "copy-code", "data-action": "copy-code", "aria-label": "Copy code" },
                 icon("copy"), h("span", null, "Copy"));
  return h("div", { class: "code" },
           h("div", { class: "code-head" }, h("span", null, block.language || "text"), copy),
           h("pre", { tabindex: "0" }, h("code", null, highlight(block.text, block.language))));
}

function renderInline(text, open) {
  return parseInline(text, open).map(renderNode);
}

function renderNode(node) {
  if (typeof node === "string") return node;
  switch (node.type) {
    case "code":
      return h("code", null, node.text);
    case "break":
      return h("br");
    case "link":
      return node.href ? h("a", { href: node.href, title: node.href, target: "_blank", rel: "noopener noreferrer nofollow" },
                           node.children.map(renderNode))
                       : h("span", { class: "no-link" }, node.children.map(renderNode));
    default:
      return h(node.type, null, node.children.map(renderNode));  // strong, em, del
  }
}
