// Runs a fuzz target where the compiler has no libFuzzer, so that CI needs no second build of everything:
//
//   fuzz_<target> [--seconds=N] [--keep=FILE] FILE|FOLDER...
//
// Every input that once broke something is a test of every build; and from those inputs it makes others for N seconds,
// without looking at where they go, always the same ones. One that breaks something or takes ten seconds is kept in
// FILE, and running the target with FILE shows it again.

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

#include "fuzz_input.h"

// Of the sanitizers, when the target is built with them: they end the program without a signal.
extern "C" __attribute__((weak)) void __sanitizer_set_death_callback(void (*callback)());

namespace {

using Bytes = std::vector<uint8_t>;

// As ./dev fuzz has it.
constexpr size_t kMostBytes = 4096;
constexpr unsigned kMostSeconds = 10;

// What a signal finds.
const char* keep_in = nullptr;
const Bytes* current = nullptr;
volatile uint64_t runs = 0;
volatile uint64_t runs_at_alarm = UINT64_MAX;

void say(std::string_view text) { (void)!::write(2, text.data(), text.size()); }

void keep_input() {
  if (keep_in == nullptr || current == nullptr) return;
  const int file = ::open(keep_in, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (file < 0) return;
  (void)!::write(file, current->data(), current->size());
  ::close(file);
  say("the input that broke it is kept in ");
  say(keep_in);
  say("\n");
}

void on_signal(int signal) {
  if (signal == SIGALRM && runs != runs_at_alarm) {
    runs_at_alarm = runs;
    ::alarm(kMostSeconds);
    return;
  }
  if (signal == SIGALRM) say("an input takes longer than ten seconds\n");
  keep_input();
  std::signal(signal, SIG_DFL);
  ::raise(signal);
}

void watch_signals() {
  // A stack of its own, because one that overflowed has no room for a handler.
  static std::array<char, 64 << 10> stack;
  const stack_t other = {.ss_sp = stack.data(), .ss_flags = 0, .ss_size = stack.size()};
  (void)::sigaltstack(&other, nullptr);
  struct sigaction action{};
  action.sa_handler = on_signal;
  action.sa_flags = SA_ONSTACK;
  std::vector<int> signals = {SIGABRT, SIGALRM};
  if (__sanitizer_set_death_callback != nullptr) {
    // It says more about the other signals than we could.
    __sanitizer_set_death_callback(keep_input);
  } else {
    signals.insert(signals.end(), {SIGSEGV, SIGBUS, SIGFPE, SIGILL});
  }
  for (const int signal : signals) (void)::sigaction(signal, &action, nullptr);
}

void run(const Bytes& input) {
  // Memory of its own size, so that a sanitizer sees reading beyond it.
  const Bytes copy(input);
  current = &copy;
  (void)LLVMFuzzerTestOneInput(copy.data(), copy.size());
  current = nullptr;
  runs = runs + 1;
}

Bytes read_file(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

class Mutator {
 public:
  explicit Mutator(const std::vector<Bytes>& corpus) : corpus_(corpus) {}

  Bytes next() {
    Bytes out = corpus_[below(corpus_.size())];
    for (size_t changes = below(4) + 1; changes > 0; --changes) change(out);
    if (out.size() > kMostBytes) out.resize(kMostBytes);
    return out;
  }

 private:
  size_t below(size_t bound) { return random_() % bound; }

  uint8_t any_byte() {
    // Ends of ranges, and what files and messages are made of.
    constexpr std::string_view kUsual("\0\x01\x7F\x80\xFE\xFF\"'\\{}[]:,;.-+0123456789eEuN \t\r\n$/@", 45);
    return below(2) == 0 ? static_cast<uint8_t>(random_()) : static_cast<uint8_t>(kUsual[below(kUsual.size())]);
  }

  void change(Bytes& out) {
    if (out.empty()) {
      out.push_back(any_byte());
      return;
    }
    const size_t at = below(out.size());
    const size_t count = std::min(below(16) + 1, out.size() - at);
    const auto place = [&](size_t index) { return out.begin() + static_cast<ptrdiff_t>(index); };
    switch (below(7)) {
      case 0: out[at] = static_cast<uint8_t>(out[at] ^ 1U << below(8)); break;
      case 1: out[at] = any_byte(); break;
      case 2: out.erase(place(at), place(at + count)); break;
      case 3: {
        Bytes more(count);
        for (uint8_t& byte : more) byte = any_byte();
        out.insert(place(at), more.begin(), more.end());
        break;
      }
      case 4: {  // once more
        const Bytes more(place(at), place(at + count));
        out.insert(place(below(out.size())), more.begin(), more.end());
        break;
      }
      case 5: {  // a number of four bytes, near the ends of its range or small, either way round
        if (out.size() < 4) break;
        const auto number = static_cast<uint32_t>((below(2) == 0   ? 0U
                                                   : below(2) == 0 ? ~0U
                                                                   : 1U << 31U) +
                                                  below(9) - 4);
        const size_t first = below(out.size() - 3);
        const bool turned = below(2) == 0;
        for (size_t i = 0; i < 4; ++i) out[first + i] = static_cast<uint8_t>(number >> (8 * (turned ? 3 - i : i)));
        break;
      }
      default: {  // the beginning of this one, the end of another one
        const Bytes& other = corpus_[below(corpus_.size())];
        if (other.empty()) break;
        out.resize(at);
        out.insert(out.end(), other.begin() + static_cast<ptrdiff_t>(below(other.size())), other.end());
      }
    }
  }

  const std::vector<Bytes>& corpus_;
  std::mt19937_64 random_{1};
};

}  // namespace

int main(int argc, char** argv) {
  unsigned seconds = 0;
  std::vector<Bytes> corpus;
  watch_signals();
  ::alarm(kMostSeconds);
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument = argv[i];
    constexpr std::string_view kSeconds = "--seconds=";
    constexpr std::string_view kKeep = "--keep=";
    if (argument.starts_with(kSeconds)) {
      (void)std::from_chars(argument.data() + kSeconds.size(), argument.data() + argument.size(), seconds);
      continue;
    }
    if (argument.starts_with(kKeep)) {
      keep_in = argv[i] + kKeep.size();
      continue;
    }
    std::vector<std::filesystem::path> files;
    if (std::filesystem::is_directory(argument)) {
      for (const auto& entry : std::filesystem::recursive_directory_iterator(argument)) {
        if (entry.is_regular_file()) files.push_back(entry.path());
      }
      // Not the order of the file system, so that every machine makes the same inputs.
      std::sort(files.begin(), files.end());
    } else {
      files.emplace_back(argument);
    }
    for (const auto& file : files) {
      corpus.push_back(read_file(file));
      std::printf("%s\n", file.c_str());
      std::fflush(stdout);
      run(corpus.back());
    }
  }
  std::printf("%zu inputs\n", corpus.size());
  if (corpus.empty()) return 1;
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(seconds);
  Mutator mutator(corpus);
  while (std::chrono::steady_clock::now() < end) run(mutator.next());
  std::printf("%llu runs\n", static_cast<unsigned long long>(runs));
  return 0;
}
