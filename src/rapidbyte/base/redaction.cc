#include "rapidbyte/base/redaction.h"

#include <algorithm>
#include <iterator>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <unordered_set>
#include <utility>
#include <vector>

#include "rapidbyte/base/secret_matcher.h"

namespace rapidbyte {
namespace {

// Encoded forms are searched for as long as all patterns together are at most this long. 1 MiB: a hundred private keys.
// Beyond it, a secret is still found in its plain form.
constexpr size_t kMaxEncodedBytes = size_t{1} << 20U;
// How far beyond the cut a truncated text is searched.
constexpr size_t kBeyondCut = 4096;

constexpr std::string_view kReplacement = "***";

class Secrets {
 public:
  void add(std::string value) {
    if (value.size() < kMinSecretLength) return;
    std::unique_lock lock(mutex_);
    if (known_.contains(value)) return;
    add_patterns(plain_forms(value));
    if (bytes_ < kMaxEncodedBytes) add_patterns(encoded_forms(value));
    known_.insert(std::move(value));
    matcher_.reset();
  }

  /// Null when there are no secrets. Built when first needed: secrets arrive many at a time.
  std::shared_ptr<const SecretMatcher> matcher() {
    {
      std::shared_lock lock(mutex_);
      if (matcher_ || patterns_.empty()) return matcher_;
    }
    std::unique_lock lock(mutex_);
    if (!matcher_) matcher_ = std::make_shared<const SecretMatcher>(patterns_);
    return matcher_;
  }

 private:
  void add_patterns(std::vector<SecretPattern> patterns) {
    for (const SecretPattern& pattern : patterns) bytes_ += pattern.folded.size();
    patterns_.insert(patterns_.end(), std::make_move_iterator(patterns.begin()),
                     std::make_move_iterator(patterns.end()));
  }

  std::shared_mutex mutex_;
  std::unordered_set<std::string> known_;
  std::vector<SecretPattern> patterns_;
  size_t bytes_ = 0;
  std::shared_ptr<const SecretMatcher> matcher_;  // shared with searches that run while a secret is added
};

Secrets& secrets() {
  static Secrets instance;
  return instance;
}

std::string replace_secrets(std::string_view text, bool was_cut) {
  const auto matcher = secrets().matcher();
  if (!matcher) return std::string(text);
  const auto spans = matcher->find(text, was_cut);
  if (spans.empty()) return std::string(text);
  std::string out;
  size_t from = 0;
  for (const auto& [begin, end] : spans) {
    out += text.substr(from, begin - from);
    out += kReplacement;
    from = end;
  }
  out += text.substr(from);
  return out;
}

}  // namespace

void add_secret(std::string value) { secrets().add(std::move(value)); }

std::string redact(std::string_view text) { return replace_secrets(text, false); }

std::string redact_beginning(std::string_view text, size_t most) {
  std::string out = replace_secrets(text.substr(0, most + std::min(kBeyondCut, text.size())), true);
  if (out.size() > most) out.resize(most);
  return out;
}

}  // namespace rapidbyte
