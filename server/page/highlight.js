// Colours for code: comments, strings, numbers and words of the language. It looks at one token at a time and knows no
// grammar; what it does not recognise stays plain.
import { h } from "./dom.js";

const C_WORDS = "auto bool break case catch char class const constexpr continue default delete do double else enum explicit " +
    "export extern false final float for friend goto if inline int long mutable namespace new noexcept nullptr operator " +
    "override private protected public return short signed sizeof static struct switch template this throw true try typedef " +
    "typename union unsigned using virtual void volatile while";
const JS_WORDS = "async await break case catch class const continue default delete do else enum export extends false finally " +
    "for from function if implements import in instanceof interface let new null of return static super switch this throw true " +
    "try type typeof undefined var void while yield";
const FAMILIES = [
  { names: "c cc cpp c++ h hpp cxx cuda", line: "//", block: true, words: C_WORDS },
  { names: "java kotlin kt scala swift cs csharp dart", line: "//", block: true,
    words: `${C_WORDS} abstract boolean byte extends final fun func guard implements import in instanceof interface internal ` +
        "is let null object out package record super synchronized throws val var when where yield" },
  { names: "js javascript ts typescript jsx tsx mjs json json5", line: "//", block: true, words: JS_WORDS, quotes: "\"'`" },
  { names: "go golang", line: "//", block: true, quotes: "\"'`",
    words: "break case chan const continue default defer else fallthrough false for func go goto if import interface map nil " +
        "package range return select struct switch true type var" },
  { names: "rust rs", line: "//", block: true, quotes: "\"",
    words: "as async await break const continue crate dyn else enum extern false fn for if impl in let loop match mod move mut " +
        "pub ref return self Self static struct super trait true type unsafe use where while" },
  { names: "php", line: "//", block: true, words: `${JS_WORDS} echo foreach namespace private protected public require use` },
  { names: "python py python3", line: "#", triple: true,
    words: "and as assert async await break class continue def del elif else except False finally for from global if import in " +
        "is lambda match None nonlocal not or pass raise return True try while with yield" },
  { names: "ruby rb", line: "#",
    words: "begin break case class def do else elsif end ensure false for if in module next nil not or redo rescue retry return " +
        "self super then true undef unless until when while yield" },
  { names: "sh bash zsh shell console", line: "#",
    words: "case do done elif else esac exit export fi for function if in local return set then until while" },
  { names: "yaml yml toml ini dockerfile makefile make cmake r", line: "#", words: "true false null yes no on off" },
  { names: "sql", line: "--", block: true, ignoreCase: true,
    words: "add all alter and as asc begin between by case check column commit constraint create cross database default delete " +
        "desc distinct drop else end exists foreign from full group having if in index inner insert into is join key left " +
        "like limit not null offset on or order outer primary references right rollback select set table then union unique " +
        "update values view when where with" },
  { names: "lua haskell hs", line: "--",
    words: "and break case class data deriving do else elseif end false for function if import in instance let local module nil " +
        "not of or repeat return then true type until where while" },
  { names: "css scss", block: true, words: "important" },
];
const LONGEST = 40000;  // characters; longer code stays plain, so that showing it stays quick

const patterns = new Map();
for (const family of FAMILIES) {
  for (const name of family.names.split(" ")) patterns.set(name, family);
}

function patternOf(family) {
  if (family.pattern) return family.pattern;
  const escaped = family.line?.replace(/[/#-]/g, "\\$&");
  const comments = [];
  if (family.line) comments.push(family.line === "#" ? "(?<![\\w$&])#[^\\n]*" : `${escaped}[^\\n]*`);
  if (family.block) comments.push("\\/\\*[\\s\\S]*?(?:\\*\\/|$)");
  const strings = family.triple ? ['"""[\\s\\S]*?(?:"""|$)', "'''[\\s\\S]*?(?:'''|$)"] : [];
  for (const quote of family.quotes ?? "\"'") {
    strings.push(quote === "`" ? "`(?:\\\\[\\s\\S]|[^`\\\\])*`?" : `${quote}(?:\\\\.|[^${quote}\\\\\\n])*${quote}?`);
  }
  family.pattern = new RegExp(`(${comments.join("|") || "(?!)"})|(${strings.join("|")})|` +
                              "(\\b(?:0[xX][0-9a-fA-F_]+|\\d[\\d_]*(?:\\.\\d+)?(?:[eE][+-]?\\d+)?)\\b)|([A-Za-z_]\\w*)", "g");
  family.set = new Set(family.words.split(" "));
  return family.pattern;
}

// Text and spans that make up the code.
export function highlight(code, language) {
  const family = patterns.get(language.toLowerCase());
  if (!family || code.length > LONGEST) return [code];
  const nodes = [];
  let plain = "";
  let from = 0;
  for (const match of code.matchAll(patternOf(family))) {
    const [token, comment, string, number, word] = match;
    const isWord = word !== undefined && family.set.has(family.ignoreCase ? word.toLowerCase() : word);
    const kind = comment !== undefined ? "comment" : string !== undefined ? "string" : number !== undefined ? "number"
                                                                                       : isWord ? "word" : null;
    plain += code.slice(from, match.index);
    from = match.index + token.length;
    if (!kind) {
      plain += token;
      continue;
    }
    if (plain) nodes.push(plain);
    plain = "";
    nodes.push(h("span", { class: `code-${kind}` }, token));
  }
  plain += code.slice(from);
  if (plain) nodes.push(plain);
  return nodes;
}
