#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <string_view>

#include "apps/ttt/chat_history.h"
#include "apps/ttt/lines.h"
#include "apps/ttt/signals.h"
#include "apps/ttt/standard_files.h"
#include "base/error.h"

#ifdef TTT_WITH_LIBEDIT
#include <histedit.h>
#include <langinfo.h>

#include <atomic>
#include <clocale>
#include <csignal>
#endif

namespace ttt::app {
namespace {

// What was answered goes to standard output alone, so that it can be sent elsewhere.
FILE* screen() { return isatty(STDERR_FILENO) == 1 ? stderr : stdout; }

// Waits for a byte, but not for long: a signal may have gone to another thread, and then does not wake this one.
bool byte_waits() {
  constexpr int kMilliseconds = 100;
  pollfd in{STDIN_FILENO, POLLIN, 0};
  return poll(&in, 1, kMilliseconds) > 0;
}

// 1, 0 at the end, or -1 with errno.
ssize_t read_byte(unsigned char& byte) {
  for (;;) {
    const ssize_t got = read(STDIN_FILENO, &byte, 1);
    if (got >= 0 || errno != EINTR) return got;
  }
}

#ifdef TTT_WITH_LIBEDIT

std::atomic<bool> continued{false}, resized{false};
extern "C" void on_terminal_change(int signal) { (signal == SIGCONT ? continued : resized).store(true); }

// A character from its first byte on.
wchar_t read_rest(unsigned char first) {
  constexpr wchar_t kReplacement = 0xFFFD;
  const int more = first < 0x80 ? 0 : first < 0xC2 ? -1 : first < 0xE0 ? 1 : first < 0xF0 ? 2 : first < 0xF5 ? 3 : -1;
  if (more < 0) return kReplacement;
  std::uint32_t c = more == 0 ? first : first & (0x3Fu >> more);
  for (int i = 0; i < more; ++i) {
    unsigned char next = 0;
    if (read_byte(next) != 1 || (next & 0xC0u) != 0x80u) return kReplacement;
    c = c << 6 | (next & 0x3Fu);
  }
  const bool valid = c < 0xD800 || (c > 0xDFFF && c <= 0x10FFFF);
  return valid ? static_cast<wchar_t>(c) : kReplacement;
}

void append_utf8(std::string& s, std::uint32_t c) {
  const auto put = [&](std::uint32_t byte) { s.push_back(static_cast<char>(byte)); };
  if (c < 0x80) return put(c);
  if (c < 0x800) {
    put(0xC0u | c >> 6);
  } else {
    if (c < 0x10000) {
      put(0xE0u | c >> 12);
    } else {
      put(0xF0u | c >> 18);
      put(0x80u | (c >> 12 & 0x3Fu));
    }
    put(0x80u | (c >> 6 & 0x3Fu));
  }
  put(0x80u | (c & 0x3Fu));
}

std::wstring to_wide(std::string_view s) {
  std::wstring wide;
  for (std::size_t i = 0; i < s.size();) {
    const auto first = static_cast<unsigned char>(s[i]);
    const std::size_t length = first < 0x80 ? 1 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
    std::uint32_t c = length == 1 ? first : first & (0x7Fu >> length);
    for (std::size_t k = 1; k < length && i + k < s.size(); ++k) {
      c = c << 6 | (static_cast<unsigned char>(s[i + k]) & 0x3Fu);
    }
    wide.push_back(static_cast<wchar_t>(c));
    i += length;
  }
  return wide;
}

// libedit shows characters by the locale; what is read here is always UTF-8.
void speak_utf8() {
  std::setlocale(LC_CTYPE, "");
  if (std::string_view(nl_langinfo(CODESET)) != "UTF-8") std::setlocale(LC_CTYPE, "C.UTF-8");
}

class TerminalLines final : public Lines {
 public:
  TerminalLines() {
    speak_utf8();
    editor_ = el_init("ttt", stdin, screen(), stderr);
    past_ = history_winit();
    require(editor_ != nullptr && past_ != nullptr, ErrorKind::kResources, "the line editor could not start");
    HistEventW event;
    history_w(past_, &event, H_SETSIZE, static_cast<int>(ChatHistory::kMostLines));
    for (const std::string& line : history_.lines()) history_w(past_, &event, H_ENTER, to_wide(line).c_str());
    el_set(editor_, EL_EDITOR, "emacs");
    el_set(editor_, EL_CLIENTDATA, this);
    el_set(editor_, EL_PROMPT, prompt_of);
    el_set(editor_, EL_GETCFN, read_character);
    el_wset(editor_, EL_HIST, history_w, past_);
    el_set(editor_, EL_BIND, "^R", "em-inc-search-prev", nullptr);
    el_source(editor_, nullptr);  // ~/.editrc, as programs with libedit do
    struct sigaction change {};
    change.sa_handler = on_terminal_change;
    change.sa_flags = SA_RESTART;
    sigaction(SIGCONT, &change, nullptr);
    sigaction(SIGWINCH, &change, nullptr);
  }
  ~TerminalLines() override {
    history_wend(past_);
    el_end(editor_);
  }

  Got next(const char* prompt, std::string& line) override {
    finish_stdout();
    prompt_ = prompt;
    int length = 0;
    const wchar_t* got = el_wgets(editor_, &length);
    if (interrupted() != 0) return Got::kStopped;
    if (got == nullptr || length <= 0) return Got::kEnd;
    line.clear();
    for (int i = 0; i < length; ++i) append_utf8(line, static_cast<std::uint32_t>(got[i]));
    if (line.ends_with('\n')) line.pop_back();
    const std::size_t before = history_.lines().size();
    history_.add(line);
    HistEventW event;
    if (history_.lines().size() > before) history_w(past_, &event, H_ENTER, to_wide(line).c_str());
    return Got::kLine;
  }

 private:
  static TerminalLines& of(EditLine* editor) {
    void* self = nullptr;
    el_get(editor, EL_CLIENTDATA, &self);
    return *static_cast<TerminalLines*>(self);
  }
  static char* prompt_of(EditLine* editor) { return const_cast<char*>(of(editor).prompt_); }

  // 1, 0 at the end, -1 where a signal ends the line.
  static int read_character(EditLine* editor, wchar_t* character) {
    for (;;) {
      if (interrupted() != 0) return -1;
      if (resized.exchange(false)) el_resize(editor);
      if (continued.exchange(false)) {
        el_set(editor, EL_PREP_TERM, 1);
        el_set(editor, EL_REFRESH);
      }
      if (byte_waits()) break;
    }
    unsigned char first = 0;
    const ssize_t got = read_byte(first);
    if (got <= 0) return static_cast<int>(got);
    *character = read_rest(first);
    return 1;
  }

  ChatHistory history_;
  EditLine* editor_ = nullptr;
  HistoryW* past_ = nullptr;
  const char* prompt_ = "";
};

#else

class TerminalLines final : public Lines {
 public:
  Got next(const char* prompt, std::string& line) override {
    finish_stdout();
    std::fputs(prompt, screen());
    std::fflush(screen());
    line.clear();
    for (;;) {
      while (!byte_waits()) {
        if (interrupted() != 0) return Got::kStopped;
      }
      unsigned char byte = 0;
      const ssize_t got = read_byte(byte);
      require(got >= 0, ErrorKind::kIo, "cannot read from stdin: ", std::strerror(errno));
      if (got == 0) return line.empty() ? Got::kEnd : Got::kLine;
      if (byte == '\n') return Got::kLine;
      line.push_back(static_cast<char>(byte));
    }
  }
};

#endif

}  // namespace

bool has_line_editor() {
#ifdef TTT_WITH_LIBEDIT
  return true;
#else
  return false;
#endif
}

std::unique_ptr<Lines> terminal_lines() { return std::make_unique<TerminalLines>(); }

}  // namespace ttt::app
