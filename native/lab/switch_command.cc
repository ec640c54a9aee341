// SPDX-License-Identifier: GPL-2.0-or-later
#include "switch_command.h"

#include <charconv>
#include <optional>
#include <vector>

namespace muleplex::lab {
namespace {

constexpr uint64_t kRateMax = 1'000'000'000'000;
constexpr uint64_t kQueueMax = uint64_t{1} << 30;
constexpr uint64_t kDelayMaxMicros = 10'000'000;
constexpr uint64_t kLossMax = 1'000'000;
constexpr uint64_t kPeriodMaxMs = 86'400'000;

std::vector<std::string_view> split(std::string_view line) {
  std::vector<std::string_view> words;
  while (!line.empty()) {
    const size_t end = line.find(' ');
    if (end != 0) words.push_back(line.substr(0, end));
    line.remove_prefix(end == std::string_view::npos ? line.size() : end + 1);
  }
  return words;
}

/// Numbers of a command: nothing when one is no decimal number.
std::optional<std::vector<uint64_t>> numbersOf(const std::vector<std::string_view>& words) {
  std::vector<uint64_t> numbers;
  for (size_t i = 1; i < words.size(); ++i) {
    uint64_t number = 0;
    const char* end = words[i].data() + words[i].size();
    const auto [rest, error] = std::from_chars(words[i].data(), end, number);
    if (error != std::errc() || rest != end) return std::nullopt;
    numbers.push_back(number);
  }
  return numbers;
}

std::string counts(const SwitchModel& model) {
  std::string text;
  for (size_t from = 0; from < model.portCount(); ++from) {
    for (size_t to = 0; to < model.portCount(); ++to) {
      if (from == to) continue;
      const PairCounts& pair = model.counts(from, to);
      text += "pair";
      for (const uint64_t number : {uint64_t{from + 1}, uint64_t{to + 1}, pair.sentFrames,
                                    pair.sentBytes, pair.dropped, pair.lost, pair.cut}) {
        text += ' ' + std::to_string(number);
      }
      text += '\n';
    }
  }
  return text + "ok\n";
}

}  // namespace

std::string obey(SwitchModel& model, std::string_view line, Time now) {
  const std::vector<std::string_view> words = split(line);
  const auto numbers = numbersOf(words);
  if (words.empty() || !numbers) return "error: not a command with decimal numbers\n";
  const std::string_view verb = words[0];
  const std::vector<uint64_t>& n = *numbers;
  const auto isPort = [&](size_t i) { return n[i] >= 1 && n[i] <= model.portCount(); };
  const auto isPair = [&] { return n.size() >= 2 && isPort(0) && isPort(1) && n[0] != n[1]; };
  if (verb == "rate" && n.size() == 3 && isPort(0) && n[1] <= kRateMax && n[2] <= kRateMax) {
    model.setRate(n[0] - 1, n[1], n[2]);
  } else if (verb == "queue" && n.size() == 1 && n[0] <= kQueueMax) {
    model.setQueue(n[0]);
  } else if (verb == "delay" && n.size() == 3 && isPair() && n[2] <= kDelayMaxMicros) {
    model.setDelay(n[0] - 1, n[1] - 1, static_cast<Time>(n[2]) * kMicrosecond);
  } else if (verb == "loss" && n.size() == 1 && n[0] <= kLossMax) {
    model.setLoss(static_cast<uint32_t>(n[0]));
  } else if ((verb == "cut" || verb == "mend") && n.size() == 2 && isPair()) {
    model.setCut(n[0] - 1, n[1] - 1, verb == "cut");
  } else if (verb == "schedule" && n.size() == 4 && isPair() && n[2] <= kPeriodMaxMs &&
             n[3] <= n[2]) {
    model.setSchedule(n[0] - 1, n[1] - 1, now, static_cast<Time>(n[2]) * kMillisecond,
                      static_cast<Time>(n[3]) * kMillisecond);
  } else if (verb == "counts" && n.empty()) {
    return counts(model);
  } else {
    return "error: unknown command, or an argument out of range\n";
  }
  return "ok\n";
}

}  // namespace muleplex::lab
