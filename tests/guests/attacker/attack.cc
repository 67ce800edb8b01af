#include "attack.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <wasi/api.h>

#include <cerrno>
#include <cstdio>
#include <ctime>
#include <map>

#include "../file_commands.h"
#include "../text.h"

namespace attacker {

Orders orders;

namespace {

constexpr size_t kMiB = size_t{1} << 20U;

void sleep_ms(long ms) {
  const timespec duration = {ms / 1000, (ms % 1000) * 1'000'000};
  ::nanosleep(&duration, nullptr);
}

__attribute__((noinline)) int recurse(int depth) {
  volatile char frame[512];
  frame[depth % 512] = static_cast<char>(depth);
  if (depth < 0) return 0;
  return recurse(depth + 1) + frame[0];
}

/// Every answer with how often it came.
class Tally {
 public:
  void add(const std::string& answer) { ++counts_[answer]; }
  [[nodiscard]] std::string text() const {
    std::string out;
    for (const auto& [answer, count] : counts_)
      out += (out.empty() ? "" : ", ") + std::to_string(count) + " x " + answer;
    return out;
  }

 private:
  std::map<std::string, uint64_t> counts_;
};

/// Takes all memory that it can get, and writes to it.
uint64_t take_memory(bool gives_back) {
  std::vector<void*> kept;
  kept.reserve(4096);
  uint64_t taken = 0;
  for (size_t block = 8 * kMiB; block >= 4096; block /= 2) {
    while (void* volatile memory = std::malloc(block)) {
      std::memset(memory, 1, block);
      taken += block;
      void* mine = memory;
      kept.push_back(mine);
    }
  }
  if (gives_back) {
    for (void* memory : kept) std::free(memory);
  }
  return taken;
}

std::string count_of(uint64_t count, std::string_view what) { return std::to_string(count) + " " + std::string(what); }

/// The hosts of `text`, between blanks; each answer beside the host, in its order. "~" stands for a NUL, "_" for a
/// blank.
std::string connect_to_each() {
  std::string said;
  std::string rest = text("text");
  const auto port = static_cast<uint16_t>(number("port", 5432));
  while (!rest.empty()) {
    const size_t end = rest.find(' ');
    std::string host = rest.substr(0, end);
    rest = end == std::string::npos ? "" : rest.substr(end + 1);
    const std::string shown = host;
    for (char& c : host) c = c == '~' ? '\0' : c == '_' ? ' ' : c;
    const auto [handle, answer] = connect(host, port);
    said += (said.empty() ? "" : " ") + shown + "=" + answer;
    if (handle != 0) rapidbyte_connector_host_socket_close(handle);
  }
  return said;
}

std::string sockets_by_the_thousand() {
  Tally tally;
  const std::string host = text("host");
  for (long i = 0; i < number("count", 1000); ++i)
    tally.add(connect(host, static_cast<uint16_t>(number("port", 0))).second);
  return tally.text();
}

/// Handles that it was never given, while the other stream's instance holds open ones.
std::string handles_of_others() {
  Tally tally;
  const auto try_handle = [&](uint64_t handle) {
    tally.add(read(handle, 100));
    tally.add(write(handle, "not yours"));
    rapidbyte_connector_host_socket_close(handle);
#ifdef RB_GUEST_21
    bool ready = false;
    Error error;
    tally.add(rapidbyte_connector_host_socket_wait(handle, RAPIDBYTE_CONNECTOR_TYPES_SOCKET_INTEREST_READABLE, 0,
                                                   &ready, &error)
                  ? "ok"
                  : code_of(error));
#endif
  };
  for (uint64_t handle = 0; handle < 4096; ++handle) try_handle(handle);
  for (int bit = 12; bit < 64; ++bit) try_handle(uint64_t{1} << bit);
  try_handle(UINT64_MAX);
  return tally.text();
}

/// Says more in plain than a manifest that requires TLS allows.
std::string plain_instead_of_tls() {
  const auto [handle, connected] = connect(text("host"), static_cast<uint16_t>(number("port", 0)));
  std::string said = "connect " + connected;
  for (int i = 0; i < 4; ++i) said += ", write " + write(handle, std::string(50, 'p'));
  rapidbyte_connector_host_socket_close(handle);
  return said;
}

/// Opens the granted file again and again and closes nothing; SIZE of them at most.
std::string descriptors_without_end() {
  const std::string path = text("file");
  long opened = 0;
  for (; opened < number("count", 100'000); ++opened) {
    if (open(path.c_str(), O_RDONLY) < 0) return count_of(opened, "open, then ") + std::strerror(errno);
  }
  return count_of(opened, "open");
}

/// Reads a large file in the largest pieces that its memory allows.
std::string read_in_one_piece() {
  const int file = open(text("file").c_str(), O_RDONLY);
  if (file < 0) return std::strerror(errno);
  std::vector<char> into(static_cast<size_t>(number("size", 16)) * kMiB);
  uint64_t read_bytes = 0;
  for (int i = 0; i < 8; ++i) {
    const ssize_t length = ::read(file, into.data(), into.size());
    if (length <= 0) break;
    read_bytes += static_cast<uint64_t>(length);
  }
  close(file);
  return count_of(read_bytes, "bytes");
}

std::string random_in_one_piece() {
  std::vector<char> into(static_cast<size_t>(number("size", 16)) * kMiB);
  // Past the C library, which asks for 256 bytes at most.
  for (int i = 0; i < 4; ++i) (void)__wasi_random_get(reinterpret_cast<uint8_t*>(into.data()), into.size());
  return count_of(4 * into.size(), "bytes");
}

std::string state_flood() {
  Tally tally;
  const std::string value(static_cast<size_t>(number("size", 1)), 'v');
  for (long i = 0; i < number("count", 1000); ++i) {
    tally.add(put(0, "key" + std::to_string(i), value));
  }
  return tally.text();
}

std::string state_edges() {
  Tally tally;
  tally.add(put(0, std::string(1025, 'k'), "v"));
  tally.add(put(3, "k", "v"));
  tally.add(put(UINT32_MAX, "k", "v"));
  tally.add(put(0, "k", std::string(4 * kMiB + 1, 'v')));
  tally.add(get(0, std::string(2 * kMiB, 'k')));
  return tally.text();
}

/// What another stream has put into its own scope, under every key that could lead there.
std::string state_of_others() {
  if (orders.stream == "good") return "put " + put(1, "mine", "of the stream good");
  Tally tally;
  for (const char* key :
       {"mine", "good:mine", "1:good:mine", "stream:good:mine", "good/mine", "../good/mine", "%:mine", "*"}) {
    for (uint32_t scope = 0; scope < 3; ++scope) tally.add(get(scope, key));
  }
  return tally.text();
}

std::string metrics() {
  Tally tally;
  tally.add(metric("{\"name\": \"m\", \"value\": {\"counter\": 1e999}}"));
  tally.add(metric("{\"name\": \"m\", \"value\": {\"counter\": " + nested(1000) + "}}"));
  tally.add(metric("{\"name\": \"" + std::string(kMiB, 'n') + "\", \"value\": {\"counter\": 1}}"));
  tally.add(metric("{\"name\": \"" + std::string(300, 'n') + "\", \"value\": {\"counter\": 1}}"));
  tally.add(metric(nested(100'000)));
  tally.add(metric("no JSON"));
  return tally.text();
}

std::string checkpoints_of_all_shapes() {
  Tally tally;
  tally.add(checkpoint(0, "{\"a\": " + nested(100'000) + "}"));
  tally.add(checkpoint(0, "{\"a\": \"" + std::string(5 * kMiB, 'a') + "\"}"));
  tally.add(checkpoint(0, "[1]"));
  tally.add(checkpoint(0, "null"));
  tally.add(checkpoint(0, "no JSON"));
  tally.add(checkpoint(0, ""));
  return tally.text();
}

std::string checkpoint_flood() {
  Tally tally;
  const std::string filler(static_cast<size_t>(number("size", 10)), 'f');
  for (long i = 0; i < number("count", 1000); ++i) {
    tally.add(checkpoint(0, "{\"id\": \"" + std::to_string(i) + "\", \"filler\": \"" + filler + "\"}"));
  }
  return tally.text();
}

std::string rejects() {
  Tally tally;
  const std::string record = "{\"r\": \"" + std::string(static_cast<size_t>(number("size", 10)), 'r') + "\"}";
  for (long i = 0; i < number("count", 1000); ++i) tally.add(reject(orders.stream, record, "rejected by the attacker"));
  return tally.text();
}

std::string odd_rejects() {
  Tally tally;
  tally.add(reject("good", "{\"a\": " + nested(100'000) + "}", "deep"));
  tally.add(reject("../../canary/x", "no JSON\n{\"stream\": \"good\"}", "two\nlines\x1b[31m"));
  tally.add(reject("good", "{}", "name \xe2\x80\xae of another"));
  return tally.text();
}

void log_lines(uint64_t count, const std::string& line) {
  for (uint64_t i = 0; count == 0 || i < count; ++i) log(2, line);
}

/// A secret in many forms, wherever a text leaves the guest.
std::string tell_secrets() {
  const std::string secret = text("password");
  std::string lower = secret;
  std::string hex, url;
  for (char& c : lower) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  char buffer[8];
  for (const char c : secret) {
    std::snprintf(buffer, sizeof buffer, "%02x", static_cast<unsigned char>(c));
    hex += buffer;
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    url += plain ? std::string(1, c) : std::string("%") + buffer;
  }
  constexpr std::string_view kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string base64;
  for (size_t i = 0; i < secret.size(); i += 3) {
    uint32_t bits = 0;
    for (size_t j = 0; j < 3; ++j)
      bits = bits << 8U | (i + j < secret.size() ? static_cast<uint8_t>(secret[i + j]) : 0);
    for (size_t j = 0; j < 4; ++j) base64 += i + j > secret.size() ? '=' : kDigits[bits >> (18 - 6 * j) & 63U];
  }
  const std::string all = "plain " + secret + " lower " + lower + " hex " + hex + " url " + url + " base64 " + base64;
  log(1, all);
  std::fprintf(stderr, "%s\n%.4s\n%s\n", all.c_str(), secret.c_str(), secret.c_str() + 4);
  std::printf("%s\n", all.c_str());
  std::fflush(nullptr);
  metric("{\"name\": \"m\", \"value\": {\"gauge\": 1}, \"labels\": [[\"l\", \"" + secret + "\"]]}");
  reject(orders.stream, "{}", all);
  orders.config += all;  // where fails() finds it
  return "told";
}

std::string batches_of_all_shapes() {
  Tally tally;
  tally.add(emit({}));
  std::vector<uint8_t> large(static_cast<size_t>(number("size", 100)) * kMiB, 7);
  tally.add(emit(large));
  return tally.text();
}

/// Lists and bytes that are not within its memory.
std::string bad_pointers() {
  Bytes bytes{reinterpret_cast<uint8_t*>(0xFFFFFF00U), 0x1000};
  Error error;
  return rapidbyte_connector_host_emit_batch(&bytes, &error) ? "ok" : code_of(error);
}

std::string not_utf8() {
  log(2, "\xff\xfe\xc0\x80");
  return "ok";
}

std::string wrong_calls() {
  std::string said;
  OptionalBytes batch{};
  Error error;
  said += "next-batch ";
  if (rapidbyte_connector_host_next_batch(&batch, &error)) {
    said += "ok";
    if (batch.is_some) RB_BINDING(_list_u8_free)(&batch.val);
  } else {
    said += code_of(error);
  }
  // A source and a transform may emit while they run.
  const bool may_emit = std::string_view(RB_QUOTE(ATTACKER_WORLD)) != "destination" && orders.at != "open";
  const uint8_t bytes[8] = {};
  said += " emit " + (may_emit ? "left out" : emit(bytes));
  for (uint32_t kind = 0; kind < 5; ++kind) said += " checkpoint" + std::to_string(kind) + " " + checkpoint(kind, "{}");
  return said;
}

std::string environment() {
  std::string said;
  for (const char* name : {"HOME", "PATH", "RAPIDBYTE_CONNECTOR_DIR", "CANARY", "USER"})
    said += std::string(name) + "=" + (std::getenv(name) != nullptr ? "seen" : "unset") + " ";
  char buffer[16];
  said += "stdin=" + std::to_string(::read(0, buffer, sizeof buffer));
  return said;
}

[[noreturn]] void for_ever(const std::string& attack) {
  const std::string line(1000, 'x');
  const auto [handle, answer] = attack == "loop_read" || attack == "loop_wait"
                                    ? connect(text("host"), static_cast<uint16_t>(number("port", 0)))
                                    : std::pair<uint64_t, std::string>(0, "");
  if (!answer.empty()) log(1, "connect " + answer);
  const uint8_t bytes[8] = {};
  for (volatile uint64_t i = 0;; i = i + 1) {
    if (attack == "loop_log") log(2, line);
    if (attack == "loop_metric") metric("{\"name\": \"m\", \"value\": {\"counter\": 1}}");
    if (attack == "loop_state") get(0, "k");
    if (attack == "loop_connect") connect("denied.example.org", 1);
    if (attack == "loop_emit") emit(bytes);
    if (attack == "loop_next") {
      OptionalBytes batch;
      Error error;
      (void)rapidbyte_connector_host_next_batch(&batch, &error);
    }
    if (attack == "loop_reject") reject("evil", "{}", "again");
    if (attack == "loop_checkpoint") checkpoint(0, "{}");
    if (attack == "loop_read") read(handle, 10);
    if (attack == "loop_close") rapidbyte_connector_host_socket_close(i);
    if (attack == "loop_sleep") sleep_ms(5);
    if (attack == "loop_clock") (void)std::time(nullptr);
    if (attack == "loop_stderr") std::fprintf(stderr, "%s", line.c_str());
    if (attack == "loop_open") close(open("nowhere", O_RDONLY));
#ifdef RB_GUEST_21
    if (attack == "loop_wait") {
      bool ready = false;
      Error error;
      rapidbyte_connector_host_socket_wait(handle, RAPIDBYTE_CONNECTOR_TYPES_SOCKET_INTEREST_READABLE, UINT32_MAX,
                                           &ready, &error);
    }
    if (attack == "loop_cancelled") (void)rapidbyte_connector_host_is_cancelled();
#endif
  }
}

std::string perform(const std::string& attack) {
  if (attack == "trap") __builtin_trap();
  if (attack == "abort") std::abort();
  if (attack == "exit") std::exit(static_cast<int>(number("count", 0)));
  if (attack == "recurse") return std::to_string(recurse(0));
  if (attack == "sleep") {
    sleep_ms(3'600'000);
    return "slept";
  }
  if (attack.rfind("loop", 0) == 0) for_ever(attack);
  if (attack == "panic") {
    std::fprintf(stderr, "panicked \x1b]0;title\x07\xe2\x80\xae\n%s\n", std::string(kMiB, 'w').c_str());
    __builtin_trap();
  }
  if (attack == "bad_pointers") return bad_pointers();
  if (attack == "not_utf8") return not_utf8();
  if (attack == "memory") return count_of(take_memory(true) / kMiB, "MiB taken");
  if (attack == "memory_then_trap") {
    take_memory(false);
    __builtin_trap();
  }
  if (attack == "files") {
    std::string said = file_commands(text("script"), text("path"));
    for (char& c : said) c = c == '\n' ? '|' : c;
    return said;
  }
  if (attack == "descriptors") return descriptors_without_end();
  if (attack == "read_in_one_piece") return read_in_one_piece();
  if (attack == "random_in_one_piece") return random_in_one_piece();
  if (attack == "connect") return connect_to_each();
  if (attack == "sockets") return sockets_by_the_thousand();
  if (attack == "handles") return handles_of_others();
  if (attack == "plain") return plain_instead_of_tls();
  if (attack == "state_flood") return state_flood();
  if (attack == "state_edges") return state_edges();
  if (attack == "state_of_others") return state_of_others();
  if (attack == "metrics") return metrics();
  if (attack == "metric_flood") {
    for (long i = 0; i < number("count", 100'000); ++i) metric("{\"name\": \"m\", \"value\": {\"counter\": 1}}");
    return count_of(static_cast<uint64_t>(number("count", 100'000)), "metrics");
  }
  if (attack == "checkpoints") return checkpoints_of_all_shapes();
  if (attack == "checkpoint_flood") return checkpoint_flood();
  if (attack == "rejects") return rejects();
  if (attack == "odd_rejects") return odd_rejects();
  if (attack == "long_line") {
    log_lines(1, std::string(static_cast<size_t>(number("size", 16)) * kMiB, 'l'));
    return "logged";
  }
  if (attack == "log_flood") {
    log_lines(static_cast<uint64_t>(number("count", 100'000)), "flood \x1b[31m\xe2\x80\xae");
    return "logged";
  }
  if (attack == "stderr_without_end") {
    const std::string block(kMiB, 'e');
    for (long i = 0; i < number("size", 64); ++i) std::fwrite(block.data(), 1, block.size(), stderr);
    return "written";
  }
  if (attack == "secrets") return tell_secrets();
  if (attack == "batches") return batches_of_all_shapes();
  if (attack == "wrong_calls") return wrong_calls();
  if (attack == "environment") return environment();
  return "nothing";
}

}  // namespace

void take_orders(std::string_view config) {
  orders.config = std::string(config);
  orders.attack = text("attack");
  orders.at = text("at");
  orders.evil_stream = text("stream");
  if (orders.evil_stream.empty()) orders.evil_stream = "evil";
}

void take_context(std::string_view context) { orders.stream = text_of(context, "stream_name"); }

std::string text(std::string_view key) { return text_of(orders.config, key); }
long number(std::string_view key, long fallback) { return number_of(orders.config, key, fallback); }

bool is_due(std::string_view at) {
  if (orders.at != at || orders.attack == "none") return false;
  const bool has_stream = at != "open" && at != "discover" && at != "validate";
  return !has_stream || orders.evil_stream == "both" || orders.stream == orders.evil_stream;
}

bool answers(std::string_view name, std::string_view at) {
  if (orders.attack != name || !is_due(at)) return false;
  log(1, "attack " + orders.attack + " begins at " + orders.at);
  return true;
}

void act(std::string_view at) {
  if (!is_due(at) || orders.attack.rfind("answer_", 0) == 0) return;
  log(1, "attack " + orders.attack + " begins at " + orders.at);
  const std::string said = perform(orders.attack);
  log(1, "attack " + orders.attack + " did: " + said);
}

bool fails(std::string_view at, Error* error) {
  const bool answer = orders.attack.rfind("answer_error", 0) == 0;
  if (!is_due(at) || (!answer && text("then") != "fail")) return false;
  log(1, "attack " + orders.attack + " begins at " + orders.at);
  std::memset(error, 0, sizeof *error);
  error->category = RAPIDBYTE_CONNECTOR_TYPES_ERROR_CATEGORY_DATA;
  error->scope = RAPIDBYTE_CONNECTOR_TYPES_ERROR_SCOPE_PER_STREAM;
  std::string code = text("code").empty() ? "ATTACKED" : text("code");
  std::string message = "an error of the attacker";
  std::string details;
  if (orders.attack == "secrets") message = details = orders.config;
  if (orders.attack == "answer_error_huge") {
    code += std::string(kMiB, 'C');
    message = std::string(static_cast<size_t>(number("size", 16)) * kMiB, 'M');
    details = "{\"d\": \"" + std::string(8 * kMiB, 'D') + "\"}";
  }
  if (orders.attack == "answer_error_deep") details = nested(100'000);
  if (orders.attack == "answer_error_steering") {
    code = "ATTACKED\x1b[31m\x1b]0;t\x07";
    message = "\xe2\x80\xae\x1b[2J\r\nerror: everything is fine\x9b";
    message.pop_back();  // a lone 0x9b is no UTF-8
    details = "{\"\\u001b[31m\": \"\\u202e\"}";
  }
  if (orders.attack == "answer_error_retry") {
    error->retryable = true;
    error->safe_to_retry = true;
    error->retry_after_ms = {true, 0};
  }
  if (orders.attack == "answer_error_enum") {
    error->category = 200;
    error->scope = 77;
  }
  error->code = given(code);
  error->message = given(message);
  if (orders.attack == "answer_error_not_utf8") error->message = given("\xff\xfe");
  if (orders.attack == "answer_error_pointer") error->message = {reinterpret_cast<uint8_t*>(0xFFFFFF00U), 0x1000};
  if (!details.empty()) error->details_json = {true, given(details)};
  return true;
}

std::string nested(size_t levels) { return std::string(levels, '[') + std::string(levels, ']'); }

}  // namespace attacker
