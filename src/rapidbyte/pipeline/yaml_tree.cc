#include "rapidbyte/pipeline/yaml_tree.h"

#include <fmt/format.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <charconv>
#include <sstream>
#include <unordered_map>

#include "rapidbyte/pipeline/scalar_text.h"
#include "rapidbyte/pipeline/utf8.h"

namespace rapidbyte::pipeline {
namespace {

constexpr std::string_view kTagPrefix = "tag:yaml.org,2002:";

/// Ends the parse from inside a callback; the problem is already recorded. Caught in read().
struct StopReading {};

/// Turns byte positions of a text into lines and columns that an editor shows (columns count characters).
class LineIndex {
 public:
  explicit LineIndex(std::string_view text) : text_(text) {
    for (size_t at = 0; at < text.size(); ++at) {
      if (text[at] == '\n') starts_.push_back(at + 1);
    }
  }

  /// Cheap when asked in the order of the text, also within one very long line.
  [[nodiscard]] SourceLocation at(int line, int column) {
    if (line < 0 || static_cast<size_t>(line) >= starts_.size()) return at_offset(text_.size());
    const size_t start = starts_[static_cast<size_t>(line)];
    const size_t wanted = std::min(start + static_cast<size_t>(std::max(column, 0)), text_.size());
    if (line != last_line_ || wanted < last_offset_) {
      last_line_ = line;
      last_offset_ = start;
      last_characters_ = 0;
    }
    last_characters_ += count_characters(text_.substr(last_offset_, wanted - last_offset_));
    last_offset_ = wanted;
    return {line + 1, last_characters_ + 1};
  }

  [[nodiscard]] SourceLocation at_offset(size_t offset) const {
    const auto next = std::upper_bound(starts_.begin(), starts_.end(), offset);
    const size_t start = *(next - 1);
    return {static_cast<int>(next - starts_.begin()), count_characters(text_.substr(start, offset - start)) + 1};
  }

  [[nodiscard]] std::string_view line(int zero_based) const {
    if (zero_based < 0 || static_cast<size_t>(zero_based) >= starts_.size()) return {};
    const std::string_view rest = text_.substr(starts_[static_cast<size_t>(zero_based)]);
    return rest.substr(0, rest.find('\n'));
  }

 private:
  static int count_characters(std::string_view bytes) {
    return static_cast<int>(std::count_if(bytes.begin(), bytes.end(),
                                          [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80; }));
  }

  std::string_view text_;
  std::vector<size_t> starts_{0};
  int last_line_ = -1;
  size_t last_offset_ = 0;
  int last_characters_ = 0;
};

/// yaml-cpp's terse messages in helpful words, with the usual cause.
std::string syntax_message(const std::string& original, std::string_view line) {
  std::string text = "not valid YAML: " + original;
  if (original == "end of sequence flow not found")
    text = "not valid YAML: a list that begins with [ is not closed, or a comma is missing in it";
  if (original == "end of map flow not found")
    text = "not valid YAML: a map that begins with { is not closed, or a comma is missing in it";
  if (original == "illegal EOF in scalar" || original == "illegal document indicator in scalar")
    text = "not valid YAML: a quoted text is not closed";
  if (original == "unknown token")
    text = "not valid YAML: this character cannot begin a value; put the value in quotes";
  if (original == "illegal map value")
    text = "not valid YAML: unexpected ':'; check the indentation, and put a value that contains ': ' in quotes";
  if (original == "end of map not found")
    text =
        "not valid YAML: unexpected text after a value; check the indentation, the quotes, and the ':' after each key";
  const size_t indent = line.find_first_not_of(' ');
  if (indent != std::string_view::npos && line[indent] == '\t')
    text += "; YAML does not allow tabs for indentation, use spaces";
  if (line.find("${") != std::string_view::npos && line.find_first_of("[{") != std::string_view::npos) {
    text += "; inside [ ] and { } write \"${NAME}\" in quotes";
  }
  return text;
}

}  // namespace

class YamlTreeBuilder : public YAML::EventHandler {
 public:
  YamlTreeBuilder(YamlTree& tree, LineIndex& lines, std::vector<Problem>& problems)
      : tree_(tree), lines_(lines), problems_(problems) {}

  void OnDocumentStart(const YAML::Mark& mark) override {
    if (++documents_ > 1) {
      stop(place(mark),
           "a second document starts here (after a line '---', or because this line is not indented like the ones "
           "before it); a pipeline file has only one");
    }
  }
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    YamlNode* node = make(YamlNode::Kind::kScalar, place(mark), anchor);
    node->plain = true;
    if (!frames_.empty() && !expects_key()) {
      // yaml-cpp does not say whether the value was written or left out, and places an empty one at whatever comes
      // next.
      const SourceLocation key = frames_.back().pending_location();
      if (node->location.line == key.line && null_word_at(mark)) {
        node->text = "null";
      } else {
        node->location = key;
        if (!expects_key() && colon_missing(frames_.back())) report(key, "a ':' is missing after this key");
      }
    }
    finish(node, anchor);
  }

  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    scalar_mark_ = YAML::Mark::null_mark();
    const auto found = anchors_.find(anchor);
    if (found == anchors_.end())
      stop(place(mark), "an alias refers to the value that contains it; this would never end");
    add(found->second, place(mark));
  }

  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    YamlNode* node = make(YamlNode::Kind::kScalar, place(mark), anchor);
    node->plain = check_tag(tag, node->location);
    node->text = value;
    scalar_mark_ = mark;
    node->text_below = value.size();
    if (node->text_below > kMaxTextBytes) stop(node->location, "the file has too much text");
    finish(node, anchor);
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value style) override {
    open(YamlNode::Kind::kSequence, mark, tag, anchor, style);
  }
  void OnSequenceEnd() override { close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value style) override {
    open(YamlNode::Kind::kMap, mark, tag, anchor, style);
  }
  void OnMapEnd() override {
    merge_entries();
    close();
  }

  /// Where the construct begins that a syntax error leaves open: the innermost list or map of that kind, or a quoted
  /// text, of which only the preceding key is known.
  [[nodiscard]] std::optional<SourceLocation> begin_of_open(std::string_view error) const {
    if (frames_.empty()) return std::nullopt;
    if (error.find("in scalar") != std::string_view::npos) return frames_.back().pending_location();
    const bool list = error.find("sequence flow") != std::string_view::npos;
    if (!list && error.find("map flow") == std::string_view::npos) return std::nullopt;
    for (auto frame = frames_.rbegin(); frame != frames_.rend(); ++frame) {
      if (frame->node->kind == (list ? YamlNode::Kind::kSequence : YamlNode::Kind::kMap)) return frame->node->location;
    }
    return std::nullopt;
  }

 private:
  struct Frame {
    YamlNode* node = nullptr;
    YAML::anchor_t anchor = 0;
    bool has_key = false;
    bool skip_value = false;
    bool merge = false;
    bool block = false;
    std::string key;
    SourceLocation key_location;
    YAML::Mark key_mark;
    std::unordered_map<std::string, SourceLocation> seen;
    std::vector<const YamlNode*> merges;

    [[nodiscard]] SourceLocation pending_location() const { return has_key ? key_location : node->location; }
  };

  [[nodiscard]] SourceLocation place(const YAML::Mark& mark) { return lines_.at(mark.line, mark.column); }
  [[nodiscard]] bool expects_key() const {
    return frames_.back().node->kind == YamlNode::Kind::kMap && !frames_.back().has_key;
  }

  [[nodiscard]] bool null_word_at(const YAML::Mark& mark) const {
    const std::string_view line = lines_.line(mark.line);
    if (mark.column < 0 || static_cast<size_t>(mark.column) >= line.size()) return false;
    const std::string_view word = line.substr(static_cast<size_t>(mark.column));
    return word.substr(0, word.find_first_of(" \t\r,]}")) == "null";
  }

  /// yaml-cpp takes a last line of a map without a colon for a key without a value.
  [[nodiscard]] bool colon_missing(const Frame& frame) const {
    if (!frame.has_key || frame.key.empty() || frame.key_mark.column < 0) return false;
    const std::string_view line = lines_.line(frame.key_mark.line);
    const auto column = static_cast<size_t>(frame.key_mark.column);
    // A quoted or multi-line key differs from its text in the file; people do not forget the colon after those.
    if (column >= line.size() || !line.substr(column).starts_with(frame.key)) return false;
    const std::string_view rest = line.substr(column + frame.key.size());
    const size_t next = rest.find_first_not_of(" \t\r");
    return frame.block && (next == std::string_view::npos || rest[next] == '#');
  }

  [[nodiscard]] std::string path() const {
    std::string out;
    for (const Frame& frame : frames_) {
      if (frame.node->kind == YamlNode::Kind::kSequence) {
        out += fmt::format("[{}]", frame.node->items.size());
      } else if (frame.has_key) {
        out += (out.empty() ? "" : ".") + printable(frame.key);
      }
    }
    return out;
  }

  void report(SourceLocation location, std::string message) {
    problems_.push_back({location, path(), std::move(message)});
  }
  [[noreturn]] void stop(SourceLocation location, std::string message) {
    report(location, std::move(message));
    throw StopReading();
  }

  YamlNode* make(YamlNode::Kind kind, SourceLocation location, YAML::anchor_t anchor) {
    if (anchor != 0) anchors_.erase(anchor);
    YamlNode& node = tree_.nodes_.emplace_back();
    node.kind = kind;
    node.location = location;
    return &node;
  }

  /// Whether a scalar with `tag` is typed by its text. `?` means unquoted, `!` a quoted or block text.
  bool check_tag(const std::string& tag, SourceLocation location) {
    if (tag == "?" || tag.empty()) return true;
    if (tag == "!" || tag == std::string(kTagPrefix) + "str") return false;
    if (tag.starts_with(kTagPrefix)) {
      const std::string_view name = std::string_view(tag).substr(kTagPrefix.size());
      if (name == "int" || name == "float" || name == "bool" || name == "null" || name == "map" || name == "seq")
        return true;
    }
    report(location, "the tag " + printable(tag) + " is not known; remove it (YAML's own !!str, !!int ... are fine)");
    return false;
  }

  void open(YamlNode::Kind kind, const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
            YAML::EmitterStyle::value style) {
    YamlNode* node = make(kind, place(mark), anchor);
    check_tag(tag, node->location);
    if (frames_.size() >= kMaxDepth) stop(node->location, fmt::format("nested deeper than {} levels", kMaxDepth));
    Frame frame;
    frame.node = node;
    frame.anchor = anchor;
    frame.block = style == YAML::EmitterStyle::Block;
    frames_.push_back(std::move(frame));
  }

  void close() {
    const Frame frame = std::move(frames_.back());
    frames_.pop_back();
    finish(frame.node, frame.anchor);
  }

  void finish(YamlNode* node, YAML::anchor_t anchor) {
    if (anchor != 0) anchors_[anchor] = node;
    add(node, node->location);
  }

  /// Puts a finished node (or one that an alias names) into its place in the document.
  void add(YamlNode* node, SourceLocation location) {
    if (frames_.empty()) {
      tree_.root_ = node;
      return;
    }
    Frame& frame = frames_.back();
    if (expects_key()) {
      begin_entry(frame, *node, location);
      return;
    }
    count(*frame.node, *node, location);
    if (frame.node->kind == YamlNode::Kind::kSequence) {
      frame.node->items.push_back(node);
      return;
    }
    if (frame.merge) {
      add_merge(frame, *node, location);
    } else if (!frame.skip_value) {
      frame.node->entries.push_back({frame.key, frame.key_location, node});
    }
    frame.has_key = frame.skip_value = frame.merge = false;
  }

  void begin_entry(Frame& frame, const YamlNode& key, SourceLocation location) {
    frame.key.clear();
    frame.key_mark = scalar_mark_;
    if (key.kind != YamlNode::Kind::kScalar || (key.plain && is_null_text(key.text))) {
      report(location, "a key must be text; put it in quotes if it is meant as text");
      frame.skip_value = true;
    } else if (key.text.size() > kMaxKeyBytes) {
      report(location, fmt::format("a key is longer than {} bytes", kMaxKeyBytes));
      frame.skip_value = true;
    } else if (key.plain && key.text == "<<") {
      frame.key = key.text;
      frame.merge = true;
    } else {
      frame.key = key.text;
      const auto [first, fresh] = frame.seen.emplace(key.text, location);
      if (!fresh) {
        frame.has_key = true;
        report(location, fmt::format("duplicate key, first in line {}; remove one of them", first->second.line));
        frame.skip_value = true;
      }
    }
    frame.key_location = location;
    frame.has_key = true;
  }

  /// Adds the weight of `child` to `parent`; aliases count as often as they are used.
  void count(YamlNode& parent, const YamlNode& child, SourceLocation location) {
    parent.nodes_below += child.nodes_below;
    parent.text_below += child.text_below;
    if (parent.nodes_below > kMaxNodes || parent.text_below > kMaxTextBytes) {
      stop(location,
           fmt::format("the document is too large when its aliases are followed: at most {} values and {} MiB "
                       "of text are allowed",
                       kMaxNodes, kMaxTextBytes >> 20U));
    }
  }

  void add_merge(Frame& frame, const YamlNode& value, SourceLocation location) {
    const bool list = value.kind == YamlNode::Kind::kSequence;
    if (value.kind == YamlNode::Kind::kMap) frame.merges.push_back(&value);
    for (const YamlNode* item : value.items) {
      if (item->kind == YamlNode::Kind::kMap) frame.merges.push_back(item);
    }
    const bool all_maps = list && std::all_of(value.items.begin(), value.items.end(),
                                              [](const YamlNode* item) { return item->kind == YamlNode::Kind::kMap; });
    if (value.kind != YamlNode::Kind::kMap && !all_maps) {
      report(location, "<< needs a map or a list of maps, usually an alias such as *defaults");
    }
  }

  /// YAML's merge key: entries of the named maps, unless the map has the key itself; the first map wins.
  void merge_entries() {
    Frame& frame = frames_.back();
    for (const YamlNode* from : frame.merges) {
      for (const YamlNode::Entry& entry : from->entries) {
        if (frame.seen.emplace(entry.key, entry.key_location).second) frame.node->entries.push_back(entry);
      }
    }
  }

  YamlTree& tree_;
  LineIndex& lines_;
  std::vector<Problem>& problems_;
  std::vector<Frame> frames_;
  std::unordered_map<YAML::anchor_t, YamlNode*> anchors_;
  YAML::Mark scalar_mark_;
  int documents_ = 0;
};

namespace {

/// Checks for what yaml-cpp would silently replace or take for the end of the file.
bool check_characters(std::string_view text, const LineIndex& lines, std::vector<Problem>& problems) {
  if (const auto bad = first_invalid_utf8(text)) {
    problems.push_back({lines.at_offset(*bad), "", "not valid UTF-8; save the file as UTF-8"});
    return false;
  }
  for (size_t at = 0; at < text.size(); ++at) {
    const auto byte = static_cast<unsigned char>(text[at]);
    if ((byte < 0x20 && byte != '\t' && byte != '\n' && byte != '\r') || byte == 0x7F) {
      problems.push_back(
          {lines.at_offset(at), "",
           fmt::format("control character \\x{:02x}; remove it, or write it as \"\\x{:02x}\" in double quotes", byte,
                       byte)});
      return false;
    }
  }
  return true;
}

}  // namespace

void YamlTree::read(std::string_view text, std::vector<Problem>& problems) {
  if (text.size() > kMaxFileBytes) {
    problems.push_back(
        {{}, "", fmt::format("the file is larger than {} KiB; this is not a pipeline file", kMaxFileBytes >> 10U)});
    return;
  }
  constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
  if (text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
  LineIndex lines(text);
  if (!check_characters(text, lines, problems)) return;
  YamlTreeBuilder builder(*this, lines, problems);
  bool complete = false;
  try {
    // With an end-of-document line appended, because yaml-cpp accepts an unclosed quoted text when the file ends with a
    // line break, and everything after the quote would silently be part of it.
    std::istringstream stream{std::string(text) + (text.ends_with('\n') ? "...\n" : "\n...\n")};
    YAML::Parser parser(stream);
    while (parser.HandleNextDocument(builder)) {
    }
    complete = true;
    if (root_ == nullptr || root_->is_null()) {
      problems.push_back({{1, 1}, "", "the file is empty; begin with version, pipeline, source and destination"});
      root_ = nullptr;
    }
  } catch (const StopReading&) {
  } catch (const YAML::Exception& error) {
    const SourceLocation location =
        builder.begin_of_open(error.msg).value_or(lines.at(error.mark.line, error.mark.column));
    problems.push_back({location, "", syntax_message(error.msg, lines.line(location.line - 1))});
  }
  if (!complete) root_ = nullptr;
}

bool YamlNode::is_null() const { return kind == Kind::kScalar && plain && !unresolved && is_null_text(text); }

const YamlNode* YamlNode::find(std::string_view key) const {
  for (const Entry& entry : entries) {
    if (entry.key == key) return entry.value;
  }
  return nullptr;
}

std::string_view YamlNode::kind_name() const {
  if (kind == Kind::kSequence) return "a list";
  if (kind == Kind::kMap) return "a map";
  return is_null() ? "nothing" : "a single value";
}

std::optional<SourceLocation> YamlTree::locate(std::string_view pointer) const {
  if (root_ == nullptr) return std::nullopt;
  const YamlNode* node = root_;
  SourceLocation location = root_->location;
  while (pointer.starts_with('/')) {
    pointer.remove_prefix(1);
    const std::string_view raw = pointer.substr(0, pointer.find('/'));
    pointer.remove_prefix(raw.size());
    if (node->kind == YamlNode::Kind::kSequence) {
      size_t index = 0;
      const auto [end, error] = std::from_chars(raw.data(), raw.data() + raw.size(), index);
      if (error != std::errc() || end != raw.data() + raw.size() || index >= node->items.size()) return location;
      node = node->items[index];
      location = node->location;
      continue;
    }
    std::string key;
    for (size_t i = 0; i < raw.size(); ++i) {
      const bool escaped = raw[i] == '~' && i + 1 < raw.size();
      if (escaped) ++i;
      key += escaped ? (raw[i] == '1' ? '/' : '~') : raw[i];
    }
    const auto entry = std::find_if(node->entries.begin(), node->entries.end(),
                                    [&](const YamlNode::Entry& candidate) { return candidate.key == key; });
    if (entry == node->entries.end()) return location;
    node = entry->value;
    location = entry->key_location;
  }
  return location;
}

nlohmann::json to_json(const YamlNode& node) {
  switch (node.kind) {
    case YamlNode::Kind::kScalar:
      if (node.unresolved) return nullptr;
      return node.plain ? plain_scalar_to_json(node.text) : nlohmann::json(node.text);
    case YamlNode::Kind::kSequence: {
      nlohmann::json list = nlohmann::json::array();
      for (const YamlNode* item : node.items) list.push_back(to_json(*item));
      return list;
    }
    case YamlNode::Kind::kMap: {
      nlohmann::json map = nlohmann::json::object();
      for (const YamlNode::Entry& entry : node.entries) map[entry.key] = to_json(*entry.value);
      return map;
    }
  }
  return nullptr;
}

}  // namespace rapidbyte::pipeline
