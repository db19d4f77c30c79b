#pragma once

// Runs a program at a terminal of its own, as a user sees it: keys are typed, and what comes on the screen is read.

#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"

namespace ttt::support {

class TerminalProcess {
 public:
  // `environment`: names and values that replace those of this process.
  TerminalProcess(const std::string& program, std::vector<std::string> arguments,
                  const std::vector<std::pair<std::string, std::string>>& environment = {}) {
    arguments.insert(arguments.begin(), program);
    std::vector<char*> argv;
    for (std::string& argument : arguments) argv.push_back(argument.data());
    argv.push_back(nullptr);
    const winsize size{.ws_row = 24, .ws_col = 200, .ws_xpixel = 0, .ws_ypixel = 0};
    pid_ = forkpty(&terminal_, nullptr, nullptr, &size);
    require(pid_ >= 0, ErrorKind::kResources, "forkpty");
    if (pid_ == 0) {
      for (const auto& [name, value] : environment) setenv(name.c_str(), value.c_str(), 1);
      execv(program.c_str(), argv.data());
      _exit(127);
    }
  }
  ~TerminalProcess() {
    if (pid_ > 0) {
      kill(pid_, SIGKILL);
      waitpid(pid_, nullptr, 0);
    }
    close(terminal_);
  }
  TerminalProcess(const TerminalProcess&) = delete;
  TerminalProcess& operator=(const TerminalProcess&) = delete;

  void type(std::string_view keys) {
    require(write(terminal_, keys.data(), keys.size()) == static_cast<ssize_t>(keys.size()), ErrorKind::kIo, "type");
  }
  void send(int signal) const { kill(pid_, signal); }

  // Waits until `text` is on the screen, after what an earlier call has found. False: the program ended, or is too
  // slow.
  bool shows(std::string_view text) {
    for (;;) {
      if (const std::size_t at = screen_.find(text, seen_); at != std::string::npos) {
        seen_ = at + text.size();
        return true;
      }
      if (!read_some()) return false;
    }
  }
  // Waits for a prompt, and until keys go to the program's own editing: what is typed before that is the terminal's.
  bool asks(std::string_view prompt) {
    if (!shows(prompt)) return false;
    const auto end = Clock::now() + std::chrono::seconds(5);
    while (is_as_before() && Clock::now() < end) usleep(1000);
    return true;
  }
  // Whether the terminal echoes what is typed and hands it on line by line, as it does for a shell.
  bool is_as_before() const {
    termios now{};
    return tcgetattr(terminal_, &now) == 0 && (now.c_lflag & ICANON) != 0 && (now.c_lflag & ECHO) != 0;
  }

  // The exit status; 128 + signal when one ended it, -1 when it had to be killed.
  int finish() {
    while (read_some()) {
    }
    const auto end = Clock::now() + kPatience;
    int status = 0;
    pid_t ended = 0;
    while ((ended = waitpid(pid_, &status, WNOHANG)) == 0 && Clock::now() < end) usleep(1000);
    if (ended != pid_) return -1;
    pid_ = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }
  const std::string& screen() const { return screen_; }

 private:
  using Clock = std::chrono::steady_clock;
  static constexpr std::chrono::seconds kPatience{60};

  bool read_some() {
    pollfd in{terminal_, POLLIN, 0};
    if (poll(&in, 1, static_cast<int>(std::chrono::milliseconds(kPatience).count())) <= 0) return false;
    char buffer[4096];
    const ssize_t got = read(terminal_, buffer, sizeof buffer);  // fails once the program has closed its side
    if (got <= 0) return false;
    screen_.append(buffer, static_cast<std::size_t>(got));
    return true;
  }

  pid_t pid_ = -1;
  int terminal_ = -1;
  std::string screen_;
  std::size_t seen_ = 0;
};

}  // namespace ttt::support
