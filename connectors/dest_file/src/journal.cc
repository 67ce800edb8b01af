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

Status carry_out(const Layout& layout, const Json& journal) {
  for (const Json& move : *sdk::find_member(journal, "moves")) {
    const std::string from = sdk::string_member(move, "from").value_or("");
    const std::string to = sdk::string_member(move, "to").value_or("");
    RB_SDK_RETURN_NOT_OK(make_folders(folder_of(to)));
    RB_SDK_RETURN_NOT_OK(move_file(from, to));
  }
  if (const Json* listing = sdk::find_member(journal, "listing"); listing != nullptr) {
    RB_SDK_RETURN_NOT_OK(make_folders(layout.stream_folder()));
    RB_SDK_RETURN_NOT_OK(write_durably(layout.listing(), sdk::to_text(*listing) + "\n"));
  }
  for (const Json& path : *sdk::find_member(journal, "removals")) {
    RB_SDK_RETURN_NOT_OK(remove_file(path.get<std::string>()));
  }
  if (const Json* receipt = sdk::find_member(journal, "receipt"); receipt != nullptr) {
    const auto path = sdk::string_member(journal, "receipt_path");
    RB_SDK_RETURN_NOT_OK(write_durably(path.value_or(layout.receipt()), sdk::to_text(*receipt) + "\n"));
  }
  return remove_file(layout.journal());
}

// A journal is followed only where it stays below the destination's own folder and names what it must.
Status check_journal(const Layout& layout, const Json& journal) {
  const auto inside = [&](const std::string& path) {
    const bool below = path.starts_with(layout.stream_folder() + "/") || path.starts_with(layout.own_folder() + "/");
    return below && path.find("/../") == std::string::npos && !path.ends_with("/..");
  };
  const Json* moves = sdk::find_member(journal, "moves");
  const Json* removals = sdk::find_member(journal, "removals");
  if (moves == nullptr || !moves->is_array() || removals == nullptr || !removals->is_array())
    return damaged(layout.journal(), "a member is missing");
  for (const Json& move : *moves) {
    if (!inside(sdk::string_member(move, "from").value_or("")) || !inside(sdk::string_member(move, "to").value_or("")))
      return damaged(layout.journal(), "it would move a file from or to somewhere else");
  }
  for (const Json& path : *removals) {
    if (!path.is_string() || !inside(path.get<std::string>()))
      return damaged(layout.journal(), "it would remove a file somewhere else");
  }
  if (const auto path = sdk::string_member(journal, "receipt_path"); path && !inside(*path))
    return damaged(layout.journal(), "its receipt is somewhere else");
  return {};
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
  for (const auto& [from, to] : moves) list.push_back({{"from", from}, {"to", to}});
  Json json = {{"version", 1}, {"moves", std::move(list)}, {"removals", removals}};
  if (listing) json["listing"] = listing->to_json();
  if (receipt) {
    json["receipt"] = receipt_json(ctx, *receipt);
    json["receipt_path"] = layout.receipt();
  }
  RB_SDK_RETURN_NOT_OK(write_durably(layout.journal(), sdk::to_text(json) + "\n"));
  return carry_out(layout, json);
}

Status complete_journal(const Layout& layout, const sdk::StreamContext& /*ctx*/) {
  RB_SDK_ASSIGN_OR_RETURN(const Json json, read_json(layout.journal()));
  if (json.is_null()) return {};
  RB_SDK_RETURN_NOT_OK(check_journal(layout, json));
  return carry_out(layout, json);
}

}  // namespace rapidbyte::dest_file
