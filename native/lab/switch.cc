// SPDX-License-Identifier: GPL-2.0-or-later
// A switch between network namespaces in user space, for kernels without netem: one TAP device in
// each namespace, frames carried between them as switch_model.h says, control lines on stdin
// (switch_command.h). Prints "ready" when the devices are there. They go when it ends, which it
// does when stdin is closed or its time is over. Frames go by MAC address; there is no broadcast.
//
//   lab_switch MAX-SECONDS SEED DEVICE NAMESPACE=MAC NAMESPACE=MAC...
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "file_descriptor.h"
#include "switch_command.h"
#include "switch_model.h"

namespace muleplex::lab {
namespace {

/// An Ethernet frame with a VLAN tag and 1,500 bytes in it.
constexpr size_t kFrameSizeMax = 1518;
constexpr size_t kMacSize = 6;
/// Frames read from one port before the others get their turn.
constexpr int kReadBatch = 64;
/// Frames are handed out on this grid: a wake-up for each would cost more than it is worth.
constexpr Time kTick = 100 * kMicrosecond;
/// In flight at most: 0.4 s of 10 Gbit/s. More means that the settings are not meant.
constexpr size_t kFramesMax = 400'000;
constexpr size_t kLineMax = 200;
constexpr int kNiceness = -10;

using Mac = std::array<uint8_t, kMacSize>;

struct Frame {
  uint32_t length;
  std::array<uint8_t, kFrameSizeMax> bytes;
};

struct Port {
  Mac mac;
  FileDescriptor tap;
};

Time now() {
  timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * kSecond + time.tv_nsec;
}

[[noreturn]] void failed(const std::string& what) {
  throw std::runtime_error(what + ": " + std::strerror(errno));
}

uint64_t number(std::string_view text, uint64_t max) {
  uint64_t value = 0;
  const auto [rest, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || rest != text.data() + text.size() || value > max) {
    throw std::runtime_error("not a number in range: " + std::string(text));
  }
  return value;
}

Mac parseMac(const std::string& text) {
  Mac mac;
  int end = 0;
  const int got = std::sscanf(text.c_str(), "%2hhx:%2hhx:%2hhx:%2hhx:%2hhx:%2hhx%n", &mac[0],
                              &mac[1], &mac[2], &mac[3], &mac[4], &mac[5], &end);
  if (got != static_cast<int>(kMacSize) || static_cast<size_t>(end) != text.size()) {
    throw std::runtime_error("not a MAC address: " + text);
  }
  return mac;
}

/// Makes the device in the namespace of that name; it goes when the descriptor is closed.
FileDescriptor openTap(const std::string& name, const std::string& device) {
  const FileDescriptor own(open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC));
  const FileDescriptor other(open(("/run/netns/" + name).c_str(), O_RDONLY | O_CLOEXEC));
  if (!own.isOpen() || !other.isOpen()) failed("the namespace " + name);
  if (setns(other.get(), CLONE_NEWNET) != 0) failed("setns");
  // The namespace of the open is the one of the device.
  FileDescriptor tap(open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC));
  ifreq request{};
  request.ifr_flags = IFF_TAP | IFF_NO_PI;
  device.copy(request.ifr_name, IFNAMSIZ - 1);
  const bool isMade = tap.isOpen() && ioctl(tap.get(), TUNSETIFF, &request) == 0;
  const int error = errno;
  if (setns(own.get(), CLONE_NEWNET) != 0) failed("setns");
  errno = error;
  if (!isMade) failed("a TAP device in " + name);
  return tap;
}

class Switch {
 public:
  Switch(std::vector<Port> ports, uint64_t seed, Time end)
      : ports_(std::move(ports)), model_(ports_.size(), seed), end_(end) {}

  void run();

 private:
  void watch(int fd, uint32_t index);
  size_t receiverOf(const Frame& frame) const;
  void drain(size_t from);
  void deliver();
  /// False when stdin is closed.
  bool takeCommands();
  uint32_t newFrame();
  void arm();

  std::vector<Port> ports_;
  SwitchModel model_;
  Time end_;
  FileDescriptor epoll_{epoll_create1(EPOLL_CLOEXEC)};
  FileDescriptor timer_{timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC)};
  std::vector<std::unique_ptr<Frame>> frames_;
  std::vector<uint32_t> free_;
  std::string commands_;
  Time armed_ = kNever;
};

void Switch::watch(int fd, uint32_t index) {
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.u32 = index;
  if (epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) != 0) failed("epoll_ctl");
}

void Switch::run() {
  const uint32_t timer = static_cast<uint32_t>(ports_.size());
  const uint32_t commands = timer + 1;
  for (uint32_t i = 0; i < ports_.size(); ++i) watch(ports_[i].tap.get(), i);
  watch(timer_.get(), timer);
  watch(STDIN_FILENO, commands);
  arm();
  std::array<epoll_event, 16> events;
  while (now() < end_) {
    const int count = epoll_wait(epoll_.get(), events.data(), events.size(), -1);
    if (count < 0 && errno != EINTR) failed("epoll_wait");
    for (int i = 0; i < count; ++i) {
      const uint32_t index = events[static_cast<size_t>(i)].data.u32;
      if (index < timer) {
        drain(index);
      } else if (index == timer) {
        uint64_t expirations;
        if (read(timer_.get(), &expirations, sizeof expirations) > 0) armed_ = kNever;
      } else if (!takeCommands()) {
        return;
      }
    }
    deliver();
    arm();
  }
}

/// The port whose address the frame begins with; the count of ports when there is none.
size_t Switch::receiverOf(const Frame& frame) const {
  if (frame.length < kMacSize) return ports_.size();
  size_t to = 0;
  while (to < ports_.size() &&
         std::memcmp(frame.bytes.data(), ports_[to].mac.data(), kMacSize) != 0) {
    ++to;
  }
  return to;
}

void Switch::drain(size_t from) {
  for (int i = 0; i < kReadBatch; ++i) {
    const uint32_t handle = newFrame();
    Frame& frame = *frames_[handle];
    const ssize_t length = read(ports_[from].tap.get(), frame.bytes.data(), frame.bytes.size());
    // A device that is not up, or has nothing more.
    if (length < 0) {
      free_.push_back(handle);
      return;
    }
    frame.length = static_cast<uint32_t>(length);
    const size_t to = receiverOf(frame);
    const bool isTaken = to < ports_.size() && to != from && handle < kFramesMax &&
                         model_.submit(now(), from, to, frame.length, handle);
    if (!isTaken) free_.push_back(handle);
  }
}

void Switch::deliver() {
  const Time time = now();
  while (const auto delivery = model_.next(time, free_)) {
    const Frame& frame = *frames_[delivery->handle];
    // A receiver without room loses the frame, as a network card would.
    [[maybe_unused]] const ssize_t written =
        write(ports_[delivery->port].tap.get(), frame.bytes.data(), frame.length);
    free_.push_back(delivery->handle);
  }
}

bool Switch::takeCommands() {
  std::array<char, 4096> bytes;
  const ssize_t got = read(STDIN_FILENO, bytes.data(), bytes.size());
  if (got <= 0) return got < 0 && (errno == EAGAIN || errno == EINTR);
  commands_.append(bytes.data(), static_cast<size_t>(got));
  for (size_t end; (end = commands_.find('\n')) != std::string::npos;) {
    std::fputs(obey(model_, std::string_view(commands_).substr(0, end), now()).c_str(), stdout);
    commands_.erase(0, end + 1);
  }
  std::fflush(stdout);
  return commands_.size() <= kLineMax;
}

uint32_t Switch::newFrame() {
  if (free_.empty()) {
    frames_.push_back(std::make_unique<Frame>());
    return static_cast<uint32_t>(frames_.size() - 1);
  }
  const uint32_t handle = free_.back();
  free_.pop_back();
  return handle;
}

void Switch::arm() {
  const Time next = model_.nextTime();
  const Time due = next > end_ ? end_ : (next / kTick + 1) * kTick;
  if (due == armed_) return;
  armed_ = due;
  itimerspec spec{};
  spec.it_value.tv_sec = due / kSecond;
  spec.it_value.tv_nsec = due % kSecond;
  if (timerfd_settime(timer_.get(), TFD_TIMER_ABSTIME, &spec, nullptr) != 0) failed("timerfd");
}

void runSwitch(int argc, char** argv) {
  if (argc < 6) {
    throw std::runtime_error(
        "usage: lab_switch MAX-SECONDS SEED DEVICE NAMESPACE=MAC NAMESPACE=MAC...");
  }
  const Time end = now() + static_cast<Time>(number(argv[1], 86'400)) * kSecond;
  const uint64_t seed = number(argv[2], UINT64_MAX);
  const std::string device = argv[3];
  if (device.empty() || device.size() >= IFNAMSIZ) throw std::runtime_error("bad device name");
  std::vector<Port> ports;
  for (int i = 4; i < argc; ++i) {
    const std::string port = argv[i];
    const size_t equals = port.find('=');
    if (equals == std::string::npos || equals == 0 || port.find('/') != std::string::npos) {
      throw std::runtime_error("not NAMESPACE=MAC: " + port);
    }
    const Mac mac = parseMac(port.substr(equals + 1));
    ports.push_back({mac, openTap(port.substr(0, equals), device)});
  }
  // A switch that has to wait for the programs it connects would add delay; without the right to
  // that it still works.
  setpriority(PRIO_PROCESS, 0, kNiceness);
  std::puts("ready");
  std::fflush(stdout);
  Switch(std::move(ports), seed, end).run();
}

}  // namespace
}  // namespace muleplex::lab

int main(int argc, char** argv) {
  // Ends with whoever started it even if that one leaves stdin open; a terminal's Ctrl-C is for
  // that one, which ends what it started in its own order.
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  signal(SIGINT, SIG_IGN);
  signal(SIGPIPE, SIG_IGN);
  try {
    muleplex::lab::runSwitch(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "lab_switch: %s\n", error.what());
    return 1;
  }
  return 0;
}
