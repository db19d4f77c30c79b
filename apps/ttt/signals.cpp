#include "apps/ttt/signals.h"

#include <unistd.h>

#include <array>
#include <atomic>
#include <cstring>
#include <ctime>

namespace ttt::app {
namespace {

constexpr int kCannotRead = 4;
constexpr std::array kStops{SIGHUP, SIGINT, SIGTERM};

std::atomic<int> signal_status{0};
std::atomic<int> graceful{0};  // scopes
std::atomic<const char*> unfinished{nullptr};
std::atomic<bool> told{false};  // a mapped file that cannot be read
std::vector<MappedRange>& watched() {
  static std::vector<MappedRange> ranges;
  return ranges;
}

extern "C" void on_stop(int signal) {
  const int status = 128 + signal;
  if (graceful.load() > 0 && signal_status.exchange(status) == 0) return;
  if (const char* path = unfinished.load()) unlink(path);
  _exit(status);
}

void write_out(const char* s) {
  // Nothing can be done about a stderr that does not take it.
  (void)!write(STDERR_FILENO, s, std::strlen(s));
}

void write_number(std::size_t n) {
  char digits[24];
  char* p = digits + sizeof digits - 1;
  *p = 0;
  do {
    *--p = static_cast<char>('0' + n % 10);
    n /= 10;
  } while (n != 0);
  write_out(p);
}

extern "C" void on_bus(int signal, siginfo_t* info, void*) {
  const auto* address = static_cast<const std::byte*>(info->si_addr);
  for (const MappedRange& r : watched()) {
    if (address < r.data || address >= r.data + r.bytes) continue;
    while (told.exchange(true)) pause();  // another thread read there too, and is ending the process
    write_out("ttt: error: ");
    write_out(r.file.c_str());
    write_out(": cannot read byte ");
    write_number(static_cast<std::size_t>(address - r.data));
    write_out(": the file has shrunk or its device has failed\n");
    if (const char* path = unfinished.load()) unlink(path);
    _exit(kCannotRead);
  }
  std::signal(signal, SIG_DFL);
  raise(signal);
}

}  // namespace

void install_signal_handlers() {
  struct sigaction stop {};
  stop.sa_handler = on_stop;
  stop.sa_flags = SA_RESTART;  // a write of what has been done goes on; stdio loses what an interrupted one holds
  for (const int signal : kStops) {
    struct sigaction inherited {};
    sigaction(signal, nullptr, &inherited);
    if (signal != SIGHUP || inherited.sa_handler != SIG_IGN) sigaction(signal, &stop, nullptr);
  }
  std::signal(SIGXFSZ, SIG_IGN);
  struct sigaction bus {};
  bus.sa_sigaction = on_bus;
  bus.sa_flags = SA_SIGINFO;
  sigaction(SIGBUS, &bus, nullptr);
}

void watch_mapped_files(std::vector<MappedRange> ranges) { watched() = std::move(ranges); }

void set_unfinished_file(const char* path) { unfinished.store(path); }

SignalsHeld::SignalsHeld() {
  sigset_t held;
  sigemptyset(&held);
  for (const int signal : kStops) sigaddset(&held, signal);
  sigprocmask(SIG_BLOCK, &held, &saved_);
}
SignalsHeld::~SignalsHeld() { sigprocmask(SIG_SETMASK, &saved_, nullptr); }

Graceful::Graceful() { ++graceful; }
Graceful::~Graceful() { --graceful; }

SignalQueue::SignalQueue() {
  sigemptyset(&wanted_);
  for (const int signal : kStops) {
    struct sigaction now {};
    sigaction(signal, nullptr, &now);
    if (now.sa_handler != SIG_IGN) sigaddset(&wanted_, signal);
  }
}

int SignalQueue::next(double seconds) const {
  constexpr double kBillion = 1e9;
  timespec time{};
  time.tv_sec = static_cast<std::time_t>(seconds);
  time.tv_nsec = static_cast<long>((seconds - static_cast<double>(time.tv_sec)) * kBillion);
  const int signal = sigtimedwait(&wanted_, nullptr, &time);
  return signal > 0 ? signal : 0;
}

int interrupted() { return signal_status.load(); }

void forget_interrupt() {
  int interrupt = 128 + SIGINT;
  signal_status.compare_exchange_strong(interrupt, 0);
}

}  // namespace ttt::app
