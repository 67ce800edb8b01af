#include "rapidbyte/cli/view/progress.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "rapidbyte/cli/view/log_output.h"
#include "rapidbyte/cli/view/quantities.h"
#include "rapidbyte/cli/view/text_width.h"

namespace rapidbyte::cli {
namespace {

// Rates are taken over this long: short enough to follow a change, long enough not to jitter.
constexpr double kRateSeconds = 3.0;
// Longer names are cut, so that the figures stay on the screen.
constexpr size_t kMaxNameWidth = 32;
constexpr size_t kMaxLines = 20;
constexpr std::string_view kHideCursor = "\x1b[?25l";
constexpr std::string_view kShowCursor = "\x1b[?25h";
constexpr std::string_view kEraseBelow = "\x1b[J";
constexpr std::string_view kEraseToEndOfLine = "\x1b[K";

enum Field : size_t { kName, kRows, kRowRate, kByteRate, kQueue, kElapsed, kState, kFieldCount };
// What is dropped first when the terminal is narrow.
constexpr std::array kDropOrder = {kQueue, kByteRate, kElapsed, kRowRate};

bool is_active(StreamState state) { return state == StreamState::kRunning || state == StreamState::kRetrying; }

std::string describe_state(const StreamLine& stream) {
  switch (stream.state) {
    case StreamState::kWaiting: return "waiting";
    case StreamState::kRunning: return stream.resumed ? "resumed" : "running";
    case StreamState::kRetrying:
      return fmt::format("retrying in {:.0f} s (attempt {}, {})",
                         std::ceil(static_cast<double>(stream.retry_in.count()) / 1000), stream.attempt,
                         stream.retry_code);
    case StreamState::kDone: return "done";
    case StreamState::kFailed: return "failed";
    case StreamState::kInterrupted: return "interrupted";
    case StreamState::kNotStarted: return "not started";
  }
  return "";
}

std::array<std::string, kFieldCount> fields_of(const StreamLine& stream, bool unicode) {
  std::array<std::string, kFieldCount> fields;
  fields[kName] = fit_width(make_printable(stream.name), kMaxNameWidth, unicode);
  fields[kState] = describe_state(stream);
  if (stream.rows_rejected > 0) fields[kState] += fmt::format(", {} rejected", format_count(stream.rows_rejected));
  if (stream.state == StreamState::kWaiting || stream.state == StreamState::kNotStarted) return fields;
  fields[kRows] = format_rows(stream.rows);
  fields[kElapsed] = format_clock(stream.seconds);
  if (stream.state == StreamState::kRetrying) return fields;
  fields[kRowRate] = format_count(stream.rows_per_second) + "/s";
  fields[kByteRate] = format_bytes(stream.bytes_per_second) + "/s";
  if (stream.queue_capacity > 0 && stream.state == StreamState::kRunning) {
    fields[kQueue] = fmt::format("queue {}/{}", stream.queue_batches, stream.queue_capacity);
  }
  return fields;
}

std::string describe_rest(const std::vector<StreamLine>& streams, size_t shown_active) {
  size_t active = 0;
  size_t waiting = 0;
  size_t ended = 0;
  uint64_t rows = 0;
  for (const StreamLine& stream : streams) {
    rows += stream.rows;
    if (is_active(stream.state)) {
      ++active;
    } else if (stream.state == StreamState::kWaiting) {
      ++waiting;
    } else {
      ++ended;
    }
  }
  std::string text = active > shown_active ? fmt::format("{} more running, ", active - shown_active) : std::string();
  return text + fmt::format("{} waiting, {} ended, {} in total", waiting, ended, format_rows(rows));
}

}  // namespace

std::vector<std::string> render_live(const std::vector<StreamLine>& streams, size_t width, size_t height,
                                     bool unicode) {
  const size_t most = std::clamp<size_t>(height > 1 ? height - 1 : 1, 1, kMaxLines);
  std::vector<const StreamLine*> chosen;
  const bool all_fit = streams.size() <= most;
  for (const StreamLine& stream : streams) {
    if (all_fit || (is_active(stream.state) && chosen.size() + 1 < most)) chosen.push_back(&stream);
  }
  std::vector<std::array<std::string, kFieldCount>> rows;
  std::array<size_t, kFieldCount> widths{};
  for (const StreamLine* stream : chosen) {
    rows.push_back(fields_of(*stream, unicode));
    for (size_t i = 0; i < kFieldCount; ++i) widths[i] = std::max(widths[i], display_width(rows.back()[i]));
  }
  // The last column stays free: text there makes some terminals wrap.
  const size_t limit = width > 1 ? width - 1 : 1;
  const auto total = [&] {
    size_t sum = 0;
    for (const size_t field_width : widths) sum += field_width == 0 ? 0 : field_width + 2;
    return sum - std::min<size_t>(sum, 2);
  };
  for (const Field field : kDropOrder) {
    if (total() <= limit) break;
    widths[field] = 0;
  }
  std::vector<std::string> lines;
  for (const auto& row : rows) {
    std::string line;
    for (size_t i = 0; i < kFieldCount; ++i) {
      if (widths[i] == 0) continue;
      if (!line.empty()) line += "  ";
      const bool left = i == kName || i == kState;
      line += pad_width(row[i], widths[i], left ? Align::kLeft : Align::kRight);
    }
    line.erase(line.find_last_not_of(' ') + 1);
    lines.push_back(fit_width(line, limit, unicode));
  }
  if (!all_fit) lines.push_back(fit_width(describe_rest(streams, chosen.size()), limit, unicode));
  return lines;
}

std::string render_plain(const StreamLine& stream) {
  const std::string name = make_printable(stream.name);
  std::string text = fmt::format("{}: {}", name, describe_state(stream));
  if (stream.state == StreamState::kWaiting || stream.state == StreamState::kNotStarted) return text;
  text += fmt::format(", {}", format_rows(stream.rows));
  if (stream.rows_rejected > 0) text += fmt::format(", {} rejected", format_count(stream.rows_rejected));
  if (stream.state != StreamState::kRetrying) {
    text +=
        fmt::format(", {} rows/s, {}/s", format_count(stream.rows_per_second), format_bytes(stream.bytes_per_second));
  }
  return text + ", " + format_duration(stream.seconds);
}

ProgressView::ProgressView(Terminal& terminal, Options options)
    : terminal_(terminal), options_(std::move(options)), live_(terminal.is_terminal() && !options_.quiet) {
  set_log_writer(&ProgressView::on_log_line, this);
  if (!options_.quiet && options_.redraw_interval.count() > 0) thread_ = std::thread([this] { draw_loop(); });
}

ProgressView::~ProgressView() { stop(); }

void ProgressView::stop() {
  {
    std::lock_guard lock(mutex_);
    if (stopped_) return;
    stopped_ = true;
    if (live_ && started_) terminal_.write(erase_sequence() + std::string(kShowCursor));
    drawn_lines_ = 0;
  }
  wake_.notify_all();
  if (thread_.joinable()) thread_.join();
  send_log_to(options_.log_after);
}

void ProgressView::draw_loop() {
  std::unique_lock lock(mutex_);
  while (!stopped_) {
    wake_.wait_for(lock, options_.redraw_interval, [this] { return stopped_; });
    if (!stopped_) draw();
  }
}

void ProgressView::tick() {
  std::lock_guard lock(mutex_);
  if (!stopped_) draw();
}

void ProgressView::on_log_line(LogLevel level, std::string_view message, void* self) {
  auto* view = static_cast<ProgressView*>(self);
  view->say(render_log_line(level, message, view->terminal_.color()));
}

// Writes a line above the live ones.
void ProgressView::say(std::string_view line) {
  std::lock_guard lock(mutex_);
  const std::string erase = erase_sequence();
  drawn_lines_ = 0;
  terminal_.write(fmt::format("{}{}\n", erase, line));
  if (live_ && started_ && !stopped_) draw();
}

std::string ProgressView::erase_sequence() const {
  return drawn_lines_ == 0 ? std::string() : fmt::format("\x1b[{}A\r{}", drawn_lines_, kEraseBelow);
}

void ProgressView::draw() {
  if (options_.quiet || !started_) return;
  const auto now = options_.clock();
  std::vector<StreamLine> lines;
  lines.reserve(streams_.size());
  std::string plain;
  for (Tracked& tracked : streams_) {
    if (tracked.line.state == StreamState::kRetrying) {
      tracked.line.retry_in =
          std::max(std::chrono::ceil<std::chrono::milliseconds>(tracked.retry_at - now), std::chrono::milliseconds(0));
    }
    lines.push_back(tracked.line);
    if (!live_ && is_active(tracked.line.state) && now >= tracked.next_plain) {
      tracked.next_plain = now + options_.plain_interval;
      plain += render_plain(tracked.line) + "\n";
    }
  }
  if (!live_) {
    if (!plain.empty()) terminal_.write(plain);
    return;
  }
  const std::vector<std::string> rendered =
      render_live(lines, terminal_.width(), terminal_.height(), terminal_.unicode());
  std::string out = drawn_lines_ == 0 ? std::string() : fmt::format("\x1b[{}A", drawn_lines_);
  for (const std::string& line : rendered) out += fmt::format("\r{}{}\n", line, kEraseToEndOfLine);
  out += kEraseBelow;
  drawn_lines_ = rendered.size();
  terminal_.write(out);
}

ProgressView::Tracked& ProgressView::find_or_add(std::string_view stream) {
  const auto at = places_.find(stream);
  if (at != places_.end()) return streams_[at->second];
  places_.emplace(stream, streams_.size());
  Tracked added;
  added.line.name = stream;
  added.line.queue_capacity = options_.queue_capacity;
  streams_.push_back(std::move(added));
  return streams_.back();
}

void ProgressView::run_started(std::string_view /*run_id*/, std::string_view /*pipeline*/,
                               const std::vector<std::string>& streams) {
  std::lock_guard lock(mutex_);
  for (const std::string& stream : streams) find_or_add(stream);
  if (started_ || stopped_) return;
  started_ = true;
  if (live_) terminal_.write(kHideCursor);
}

void ProgressView::stream_started(std::string_view stream, bool resumed) {
  std::lock_guard lock(mutex_);
  Tracked& tracked = find_or_add(stream);
  tracked.line.state = StreamState::kRunning;
  tracked.line.resumed = resumed;
  tracked.next_plain = options_.clock() + options_.plain_interval;
  if (resumed && !live_ && !options_.quiet) {
    terminal_.write(fmt::format("{}: resumes where the last run stopped\n", make_printable(stream)));
  }
}

void ProgressView::progress(std::string_view stream, const engine::StreamProgress& progress) {
  std::lock_guard lock(mutex_);
  Tracked& tracked = find_or_add(stream);
  StreamLine& line = tracked.line;
  line.state = StreamState::kRunning;
  line.rows = progress.rows_written;
  line.rows_rejected = progress.rows_rejected;
  line.queue_batches = progress.queue_batches;
  line.seconds = progress.seconds;
  auto& samples = tracked.samples;
  // A retry counts from zero again.
  if (!samples.empty() && (progress.rows_written < samples.back().rows || progress.seconds < samples.back().seconds)) {
    samples.clear();
  }
  samples.push_back({progress.seconds, progress.rows_written, progress.bytes_written});
  while (samples.size() > 2 && progress.seconds - samples[1].seconds >= kRateSeconds) samples.pop_front();
  const Sample from = samples.size() > 1 ? samples.front() : Sample{};
  const double seconds = progress.seconds - from.seconds;
  line.rows_per_second = per_second(progress.rows_written - from.rows, seconds);
  line.bytes_per_second = per_second(progress.bytes_written - std::min(from.bytes, progress.bytes_written), seconds);
}

void ProgressView::retry(std::string_view stream, const ConnectorError& error, std::chrono::milliseconds delay,
                         uint32_t attempt) {
  std::lock_guard lock(mutex_);
  const auto now = options_.clock();
  if (!stream.empty()) {
    Tracked& tracked = find_or_add(stream);
    tracked.line.state = StreamState::kRetrying;
    tracked.line.attempt = attempt;
    tracked.line.retry_code = make_printable(error.code);
    tracked.line.retry_in = delay;
    tracked.retry_at = now + delay;
    tracked.next_plain = now + options_.plain_interval;
  }
  if (options_.quiet) return;
  const std::string text =
      fmt::format("{} failed, next try in {}: {}", stream.empty() ? "discovery" : make_printable(stream),
                  format_duration(static_cast<double>(delay.count()) / 1000), redact(error.message));
  const std::string erase = erase_sequence();
  drawn_lines_ = 0;
  terminal_.write(erase + render_log_line(LogLevel::kWarn, text, terminal_.color()) + "\n");
  if (live_ && !stopped_) draw();
}

void ProgressView::stream_finished(const engine::StreamReport& report) {
  std::lock_guard lock(mutex_);
  StreamLine& line = find_or_add(report.stream).line;
  switch (report.outcome) {
    case engine::Outcome::kSucceeded: line.state = StreamState::kDone; break;
    case engine::Outcome::kFailed: line.state = StreamState::kFailed; break;
    case engine::Outcome::kInterrupted: line.state = StreamState::kInterrupted; break;
    case engine::Outcome::kNotStarted: line.state = StreamState::kNotStarted; return;
  }
  line.rows = report.rows_written;
  line.rows_rejected = report.rows_rejected;
  line.seconds = report.seconds;
  line.rows_per_second = per_second(report.rows_written, report.seconds);
  line.bytes_per_second = per_second(report.bytes_written, report.seconds);
}

}  // namespace rapidbyte::cli
