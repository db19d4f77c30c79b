#pragma once

#include <csignal>
#include <vector>

#include "checkpoint/mapped_file.h"

namespace ttt::app {

// SIGHUP, SIGINT and SIGTERM end the process with 129, 130 and 143: at once or, inside a Graceful scope, when the code
// in it has noticed the signal; a second signal always ends the process at once. A SIGHUP ignored at the start (nohup)
// stays so. SIGBUS on a watched mapping prints which file has shrunk and exits with 4. Exceeding RLIMIT_FSIZE makes a
// write fail and is not a signal.
void install_signal_handlers();
void watch_mapped_files(std::vector<MappedRange> ranges);

// A file that is of no use unfinished: removed when a signal ends the process. Null: none. The path must outlive that.
void set_unfinished_file(const char* path);

// Signals that arrive in its scope are delivered at its end: for work that must not be interrupted.
class SignalsHeld {
 public:
  SignalsHeld();
  ~SignalsHeld();
  SignalsHeld(const SignalsHeld&) = delete;
  SignalsHeld& operator=(const SignalsHeld&) = delete;

 private:
  sigset_t saved_;
};

class Graceful {
 public:
  Graceful();
  ~Graceful();
  Graceful(const Graceful&) = delete;
  Graceful& operator=(const Graceful&) = delete;
};

// In its scope SIGHUP, SIGINT and SIGTERM end and interrupt nothing: they wait until they are taken. A SIGHUP that was
// ignored at the start stays so. Other threads must have been started in a SignalsHeld scope.
class SignalQueue {
 public:
  SignalQueue();
  // The next signal, within that time; 0: none came.
  int next(double seconds) const;

 private:
  SignalsHeld held_;
  sigset_t wanted_;
};

// 0, or 129, 130 or 143 once a signal has arrived.
int interrupted();

// After a SIGINT that a Graceful scope has noticed: clears it, so that the program continues. Other signals remain.
void forget_interrupt();

}  // namespace ttt::app
