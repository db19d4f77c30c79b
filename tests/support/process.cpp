#include "support/process.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>

#include "base/error.h"

extern char** environ;

namespace ttt::support {
namespace {

std::vector<char*> pointers(std::vector<std::string>& strings) {
  std::vector<char*> list;
  for (std::string& s : strings) list.push_back(s.data());
  list.push_back(nullptr);
  return list;
}

void read_some(int& fd, std::string& to) {
  char buffer[1 << 16];
  const ssize_t n = read(fd, buffer, sizeof buffer);
  if (n > 0) {
    to.append(buffer, static_cast<std::size_t>(n));
  } else if (n == 0 || errno != EINTR) {
    close(fd);
    fd = -1;
  }
}

}  // namespace

Process::Process(const std::string& program, std::vector<std::string> arguments, const ProcessOptions& options) {
  int out[2], err[2];
  require(pipe2(out, O_CLOEXEC) == 0 && pipe2(err, O_CLOEXEC) == 0, ErrorKind::kIo, "pipe");
  const int in = memfd_create("stdin", MFD_CLOEXEC);
  require(in >= 0 &&
              write(in, options.input.data(), options.input.size()) == static_cast<ssize_t>(options.input.size()) &&
              lseek(in, 0, SEEK_SET) == 0,
          ErrorKind::kIo, "stdin");
  std::vector<std::string> environment = options.environment;
  for (char** e = environ; *e != nullptr; ++e) {
    const std::string_view entry = *e, name = entry.substr(0, entry.find('=') + 1);
    bool replaced = false;
    for (const std::string& mine : options.environment) replaced = replaced || mine.starts_with(name);
    if (!replaced) environment.emplace_back(entry);
  }
  arguments.insert(arguments.begin(), program);
  std::vector<char*> argv = pointers(arguments), envp = pointers(environment);
  pid_ = fork();
  require(pid_ >= 0, ErrorKind::kResources, "fork");
  if (pid_ == 0) {
    const int to = options.output_file.empty() ? out[1] : open(options.output_file.c_str(), O_WRONLY | O_CREAT, 0644);
    dup2(in, STDIN_FILENO);
    dup2(to, STDOUT_FILENO);
    dup2(err[1], STDERR_FILENO);
    if (!options.input_file.empty()) dup2(open(options.input_file.c_str(), O_RDONLY), STDIN_FILENO);
    for (const int fd : options.closed) close(fd);
    for (const auto& [what, bytes] : options.limits) {
      const rlimit limit{bytes, bytes};
      setrlimit(static_cast<__rlimit_resource_t>(what), &limit);
    }
    execve(program.c_str(), argv.data(), envp.data());
    _exit(127);
  }
  close(in);
  close(out[1]);
  close(err[1]);
  out_ = out[0];
  err_ = err[0];
}

Process::~Process() {
  if (pid_ > 0) {
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }
  close_output();
  if (err_ >= 0) close(err_);
}

void Process::send(int signal) const { kill(pid_, signal); }

bool Process::wait_for_output(std::size_t bytes) {
  return pump([&] { return result_.out.size() >= bytes; });
}
bool Process::wait_for_error(std::string_view text) {
  return pump([&] { return result_.err.find(text) != std::string::npos; });
}

void Process::close_output() {
  if (out_ >= 0) close(out_);
  out_ = -1;
}

Finished Process::finish() {
  pump([] { return false; });
  const bool ended = out_ < 0 && err_ < 0;
  if (!ended) kill(pid_, SIGKILL);
  int status = 0;
  waitpid(pid_, &status, 0);
  pid_ = -1;
  if (ended) result_.status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return result_;
}

bool Process::pump(const std::function<bool()>& enough) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(120);
  while (!enough()) {
    if (out_ < 0 && err_ < 0) return false;
    pollfd fds[] = {{out_, POLLIN, 0}, {err_, POLLIN, 0}};
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(end - std::chrono::steady_clock::now());
    if (left.count() <= 0 || poll(fds, 2, static_cast<int>(left.count())) == 0) return false;
    if (fds[0].revents != 0) read_some(out_, result_.out);
    if (fds[1].revents != 0) read_some(err_, result_.err);
  }
  return true;
}

Finished run(const std::string& program, std::vector<std::string> arguments, const ProcessOptions& options) {
  return Process(program, std::move(arguments), options).finish();
}

}  // namespace ttt::support
