#include "connectors/dest_file/src/journal.h"

#include "rapidbyte/protocol/error_codes.h"

namespace rapidbyte::dest_file {

using sdk::Json;
using table::Receipt;

namespace {

std::string partition_text(const sdk::StreamContext& ctx) {
  return ctx.partition.is_null() ? std::string() : sdk::to_text(ctx.partition);
}

Json receipt_json(const sdk::StreamContext& ctx, const StoredReceipt& stored) {
  Json files = Json::array();
  for (const ListedFile& file : stored.files) files.push_back(file.to_json());
  Json json = {{"version", 1},
               {"pipeline", ctx.pipeline},
               {"stream", ctx.stream_name},
               {"partition", partition_text(ctx)},
               {"load_id", stored.receipt.load_id},
               {"target", stored.receipt.target},
               {"rows", stored.receipt.rows},
               {"published", stored.receipt.published},
               {"files", std::move(files)}};
  if (stored.receipt.checkpoint_json) json["checkpoint"] = *stored.receipt.checkpoint_json;
  return json;
}

Result<StoredReceipt> receipt_of(const std::string& path, const sdk::StreamContext& ctx, const Json& json) {
  const auto pipeline = sdk::string_member(json, "pipeline");
  const auto partition = sdk::string_member(json, "partition");
  const auto load_id = sdk::string_member(json, "load_id");
  const auto rows = sdk::int_member(json, "rows");
  const auto published = sdk::bool_member(json, "published");
  const Json* files = sdk::find_member(json, "files");
  if (!pipeline || !partition || !load_id || !rows || !published || files == nullptr || !files->is_array())
    return damaged(path, "a member is missing");
  if (*pipeline != ctx.pipeline || *partition != partition_text(ctx)) {
    return sdk::config_error(codes::kReceiptForeign, path + " is the receipt of pipeline \"" + *pipeline +
                                                         "\". Give one of the two pipelines another name or another "
                                                         "folder.");
  }
  StoredReceipt stored{.receipt = {.load_id = *load_id,
                                   .target = sdk::string_member(json, "target").value_or(""),
                                   .checkpoint_json = sdk::string_member(json, "checkpoint"),
                                   .rows = *rows,
                                   .published = *published},
                       .files = {}};
  for (const Json& entry : *files) {
    RB_SDK_ASSIGN_OR_RETURN(ListedFile file, ListedFile::from_json(entry));
    stored.files.push_back(std::move(file));
  }
  return stored;
}

// Null when there is no such file.
Result<Json> read_json(const std::string& path) {
  RB_SDK_ASSIGN_OR_RETURN(const std::optional<std::string> text, read_file(path));
  if (!text) return Json();
  Result<Json> json = sdk::parse_json(*text);
  if (!json.ok() || !json->is_object()) return damaged(path, "it is no JSON object");
  return json;
}

// Paths in a journal are those below the destination's folder, which may lie elsewhere by the time of the next run.
std::string below_root(const Layout& layout, const std::string& path) { return path.substr(layout.root().size() + 1); }

// The path that a journal means. LISTING_DAMAGED (internal) where it leads out of the stream's own folders.
Result<std::string> path_of(const Layout& layout, const std::string& journal, const Json* below) {
  const std::string path =
      below != nullptr && below->is_string() ? layout.root() + "/" + below->get<std::string>() : "";
  const bool is_inside = path.starts_with(layout.stream_folder() + "/") || path.starts_with(layout.own_folder() + "/");
  if (!is_inside || (path + "/").find("/../") != std::string::npos || path.find('\0') != std::string::npos)
    return damaged(journal, "it would touch a file somewhere else");
  return path;
}

struct Work {
  std::vector<std::pair<std::string, std::string>> moves;
  std::vector<std::string> removals;
  std::string receipt_path;
};

// Everything is looked at before anything is done.
Result<Work> read_work(const Layout& layout, const std::string& path, const Json& journal) {
  Work work;
  const Json* moves = sdk::find_member(journal, "moves");
  const Json* removals = sdk::find_member(journal, "removals");
  if (moves == nullptr || !moves->is_array() || removals == nullptr || !removals->is_array())
    return damaged(path, "a member is missing");
  for (const Json& move : *moves) {
    RB_SDK_ASSIGN_OR_RETURN(std::string from, path_of(layout, path, sdk::find_member(move, "from")));
    RB_SDK_ASSIGN_OR_RETURN(std::string to, path_of(layout, path, sdk::find_member(move, "to")));
    work.moves.emplace_back(std::move(from), std::move(to));
  }
  for (const Json& removal : *removals) {
    RB_SDK_ASSIGN_OR_RETURN(std::string file, path_of(layout, path, &removal));
    work.removals.push_back(std::move(file));
  }
  if (sdk::find_member(journal, "receipt") != nullptr) {
    RB_SDK_ASSIGN_OR_RETURN(work.receipt_path, path_of(layout, path, sdk::find_member(journal, "receipt_path")));
  }
  return work;
}

Status carry_out(const Layout& layout, const std::string& path, const Json& journal) {
  RB_SDK_ASSIGN_OR_RETURN(const Work work, read_work(layout, path, journal));
  for (const auto& [from, to] : work.moves) {
    RB_SDK_RETURN_NOT_OK(make_folders(folder_of(to)));
    RB_SDK_RETURN_NOT_OK(move_file(from, to));
  }
  if (const Json* listing = sdk::find_member(journal, "listing"); listing != nullptr) {
    RB_SDK_RETURN_NOT_OK(make_folders(layout.stream_folder()));
    RB_SDK_RETURN_NOT_OK(write_durably(layout.listing(), sdk::to_text(*listing) + "\n"));
  }
  for (const std::string& file : work.removals) {
    RB_SDK_RETURN_NOT_OK(remove_file(file));
    remove_empty_folders(folder_of(file), layout.stream_folder());
  }
  if (!work.receipt_path.empty())
    RB_SDK_RETURN_NOT_OK(write_durably(work.receipt_path, sdk::to_text(*sdk::find_member(journal, "receipt")) + "\n"));
  return remove_file(path);
}

}  // namespace

Result<std::optional<StoredReceipt>> read_receipt(const Layout& layout, const sdk::StreamContext& ctx) {
  RB_SDK_ASSIGN_OR_RETURN(const Json json, read_json(layout.receipt()));
  if (json.is_null()) return std::optional<StoredReceipt>();
  RB_SDK_ASSIGN_OR_RETURN(StoredReceipt stored, receipt_of(layout.receipt(), ctx, json));
  return std::optional(std::move(stored));
}

Status write_receipt(const Layout& layout, const sdk::StreamContext& ctx, const StoredReceipt& stored) {
  RB_SDK_RETURN_NOT_OK(make_folders(layout.own_folder()));
  return write_durably(layout.receipt(), sdk::to_text(receipt_json(ctx, stored)) + "\n");
}

Status Journal::commit(const Layout& layout, const sdk::StreamContext& ctx) const {
  if (empty()) return {};
  RB_SDK_RETURN_NOT_OK(make_folders(layout.own_folder()));
  Json list = Json::array();
  for (const auto& [from, to] : moves)
    list.push_back({{"from", below_root(layout, from)}, {"to", below_root(layout, to)}});
  Json gone = Json::array();
  for (const std::string& file : removals) gone.push_back(below_root(layout, file));
  Json json = {{"version", 1}, {"moves", std::move(list)}, {"removals", std::move(gone)}};
  if (listing) json["listing"] = listing->to_json();
  if (receipt) {
    json["receipt"] = receipt_json(ctx, *receipt);
    json["receipt_path"] = below_root(layout, layout.receipt());
  }
  RB_SDK_RETURN_NOT_OK(write_durably(layout.journal(), sdk::to_text(json) + "\n"));
  return carry_out(layout, layout.journal(), json);
}

Status complete_journals(const Layout& layout) {
  RB_SDK_ASSIGN_OR_RETURN(const std::vector<std::string> names, names_in(layout.own_folder()));
  for (const std::string& name : names) {
    if (!name.ends_with(".journal.json")) continue;
    const std::string path = layout.own_folder() + "/" + name;
    RB_SDK_ASSIGN_OR_RETURN(const Json json, read_json(path));
    if (!json.is_null()) RB_SDK_RETURN_NOT_OK(carry_out(layout, path, json));
  }
  return {};
}

}  // namespace rapidbyte::dest_file
