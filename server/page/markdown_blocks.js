// Markdown by lines: paragraphs, headings, lists, quotes, tables, fenced code, rules. The result is a list of blocks, each
// with `from`, its first line, and one of these shapes:
//   {type: "paragraph", text} | {type: "heading", level, text} | {type: "code", language, text} | {type: "rule"}
//   {type: "quote", blocks} | {type: "list", ordered, start, items: [{done, blocks}]} | {type: "table", align, head, rows}
// done is true or false for "[x]" and "[ ]", else null.
//
// As CommonMark and GitHub's tables say, with these differences: code is fenced, never only indented; headings have "#";
// HTML is text; a list inside an item may be indented by two spaces only. A block never changes the kind of an earlier
// one, so that text can be shown while it arrives.

const FENCE = /^( *)(`{3,}|~{3,})([^\n]*)$/;
const HEADING = /^ {0,3}(#{1,6})(?:[ \t]+(.*?))??(?:[ \t]+#+)?[ \t]*$/;
const RULE = /^ {0,3}([-*_])(?:[ \t]*\1){2,}[ \t]*$/;
const QUOTE = /^ {0,3}> ?/;
const ITEM = /^( *)([-*+]|\d{1,9}[.)])(?:( +)(.*)|$)/;
const DELIMITERS = /^ {0,3}\|?[ \t]*:?-+:?[ \t]*(?:\|[ \t]*:?-+:?[ \t]*)*\|?[ \t]*$/;
// The last line of an open text that is no more than the beginning of a block: nothing is shown of it yet.
const UNDECIDED = /^\s*(?:[-*+]|\d{1,9}[.)]?|#{1,6}|>|`{1,2}|~{1,2}|[-*_]{2})[ \t]*$/;
const DEEPEST = 12;  // of blocks in blocks; deeper ones are paragraphs

export function parseBlocks(text, open = false) {
  const lines = text.replace(/\r\n?/g, "\n").replace(/\t/g, "    ").split("\n");
  if (open && UNDECIDED.test(lines.at(-1))) lines[lines.length - 1] = "";
  return parseLines(lines, open, 0);
}

// The block that begins at a line, whatever comes before it.
function kindOf(line, deep) {
  if (!line.trim()) return "blank";
  const fence = FENCE.exec(line);
  if (fence && fence[1].length < 4 && !(fence[2][0] === "`" && fence[3].includes("`"))) return "code";
  if (HEADING.test(line)) return "heading";
  if (RULE.test(line)) return "rule";
  if (deep) return "paragraph";
  if (QUOTE.test(line)) return "quote";
  const item = ITEM.exec(line);
  if (item && item[1].length < 4) return "list";
  return "paragraph";
}

function parseLines(lines, open, depth) {
  const blocks = [];
  const readers = { code: readCode, quote: readQuote, list: readList, heading: readHeading, rule: readRule, paragraph: readText };
  for (let at = 0; at < lines.length;) {
    const kind = kindOf(lines[at], depth >= DEEPEST);
    if (kind === "blank") {
      ++at;
      continue;
    }
    const [block, end] = readers[kind](lines, at, open, depth);
    blocks.push({ ...block, from: at });
    at = end;
  }
  return blocks;
}

function readHeading(lines, at) {
  const [, marks, text] = HEADING.exec(lines[at]);
  return [{ type: "heading", level: marks.length, text: text ?? "" }, at + 1];
}

function readRule(lines, at) {
  return [{ type: "rule" }, at + 1];
}

function readCode(lines, at, open) {
  const [, indent, fence, info] = FENCE.exec(lines[at]);
  const unfinishedInfo = open && at === lines.length - 1;
  const language = unfinishedInfo ? "" : info.trim().split(/[\s{]/)[0].slice(0, 40);
  const closing = new RegExp(`^ {0,3}${fence[0] === "`" ? "`" : "~"}{${fence.length},} *$`);
  const text = [];
  let end = at + 1;
  for (; end < lines.length && !closing.test(lines[end]); ++end) {
    text.push(lines[end].replace(new RegExp(`^ {0,${indent.length}}`), ""));
  }
  // Of an open text the last line may become the closing fence.
  if (open && end === lines.length && text.length && /^ {0,3}(`+|~+)$/.test(text.at(-1))) text.pop();
  return [{ type: "code", language, text: text.join("\n") }, end + 1];
}

function readQuote(lines, at, open, depth) {
  const inner = [];
  let end = at;
  for (; end < lines.length; ++end) {
    if (QUOTE.test(lines[end])) {
      inner.push(lines[end].replace(QUOTE, ""));
    } else if (inner.at(-1)?.trim() && kindOf(lines[end], false) === "paragraph") {
      inner.push(lines[end]);  // a paragraph goes on without its mark
    } else {
      break;
    }
  }
  return [{ type: "quote", blocks: parseLines(inner, open && end >= lines.length, depth + 1) }, end];
}

const indentOf = (line) => line.length - line.trimStart().length;

function readList(lines, at, open, depth) {
  const [, , first] = ITEM.exec(lines[at]);
  const ordered = /\d/.test(first);
  const kind = first.at(-1);
  const items = [];
  let end = at;
  while (end < lines.length) {
    const item = RULE.test(lines[end]) ? null : ITEM.exec(lines[end]);
    if (!item || item[1].length > indentOf(lines[at]) + 1 || item[2].at(-1) !== kind) break;
    const [, indent, marker, spaces, text] = item;
    const width = indent.length + marker.length + (spaces && spaces.length <= 4 ? spaces.length : 1);
    const inner = [text ?? ""];
    let next = end + 1;
    let fenced = isFence(inner[0]);
    for (; next < lines.length; ++next) {
      const line = lines[next];
      const nested = indentOf(line) >= Math.min(width, indent.length + 2);
      if (line.trim() && !nested && !(inner.at(-1).trim() && !fenced && kindOf(line, false) === "paragraph")) break;
      inner.push(line.slice(Math.min(width, indentOf(line))));
      if (isFence(inner.at(-1))) fenced = !fenced;
    }
    // Blank lines before what does not belong to the item do not belong to it either.
    let last = inner.length;
    while (last > 1 && !inner[last - 1].trim()) --last;
    const isLast = next >= lines.length;
    const task = /^\[([ xX])\] /.exec(inner[0]);
    if (task) inner[0] = inner[0].slice(4);
    if (open && isLast && inner.length === 1 && /^\[[ xX]?\]?$/.test(inner[0])) inner[0] = "";
    items.push({ done: task ? task[1] !== " " : null,
                 blocks: parseLines(inner.slice(0, last), open && isLast && last === inner.length, depth + 1) });
    end = next;
    if (!inner[inner.length - 1].trim() && end < lines.length && kindOf(lines[end], false) !== "list") break;
  }
  return [{ type: "list", ordered, start: ordered ? parseInt(first, 10) : 1, items }, end];
}

const isFence = (line) => /^ {0,3}(`{3,}[^`]*|~{3,}.*)$/.test(line);

function readText(lines, at, open) {
  const table = readTable(lines, at, open);
  if (table) return table;
  const text = [lines[at].trimStart()];
  let end = at + 1;
  for (; end < lines.length; ++end) {
    const kind = kindOf(lines[end], false);
    if (kind === "list") {
      // A number in a paragraph is a list only if it is 1, or else a sentence that ends in a year would make one.
      const [, , marker, spaces] = ITEM.exec(lines[end]);
      if (spaces && (!/\d/.test(marker) || parseInt(marker, 10) === 1)) break;
    } else if (kind !== "paragraph" || isTable(lines, end)) {
      break;
    }
    text.push(lines[end].trimStart());
  }
  return [{ type: "paragraph", text: text.join("\n").trimEnd() }, end];
}

function isTable(lines, at) {
  if (!lines[at].includes("|") || at + 1 >= lines.length || !DELIMITERS.test(lines[at + 1])) return false;
  return cellsOf(lines[at]).length === cellsOf(lines[at + 1]).length;
}

// Of an open text a table begins with its first row, before the line that makes it one has arrived.
function readTable(lines, at, open) {
  const rest = lines.length - at;
  const early = open && /^ {0,3}\|/.test(lines[at]) && (rest === 1 || (rest === 2 && /^[ |:-]*$/.test(lines[at + 1])));
  if (!early && !isTable(lines, at)) return null;
  const head = cellsOf(lines[at]);
  if (early) return [{ type: "table", align: head.map(() => null), head, rows: [] }, lines.length];
  const align = cellsOf(lines[at + 1]).map((cell) => {
    const [left, right] = [cell.startsWith(":"), cell.endsWith(":")];
    return left && right ? "center" : right ? "end" : left ? "start" : null;
  });
  const rows = [];
  let end = at + 2;
  for (; end < lines.length && kindOf(lines[end], false) === "paragraph"; ++end) {
    const cells = cellsOf(lines[end]);
    rows.push(head.map((_, i) => cells[i] ?? ""));
  }
  return [{ type: "table", align, head, rows }, end];
}

function cellsOf(line) {
  const cells = [""];
  const row = line.trim();
  for (let i = row.startsWith("|") ? 1 : 0; i < row.length; ++i) {
    if (row[i] === "\\" && row[i + 1] === "|") {
      cells[cells.length - 1] += "|";
      ++i;
    } else if (row[i] === "|") {
      if (i + 1 < row.length) cells.push("");
    } else {
      cells[cells.length - 1] += row[i];
    }
  }
  return cells.map((cell) => cell.trim());
}
