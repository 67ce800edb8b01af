#include "connectors/dest_file/src/dialect.h"

#include <algorithm>
#include <utility>

#include "connectors/dest_file/src/load_writer.h"
#include "connectors/shared/duckdb/stream_runs.h"
#include "rapidbyte/protocol/error_codes.h"
#include "rapidbyte/sdk/host.h"
#include "rapidbyte/table/sql_name.h"

namespace rapidbyte::dest_file {

using table::Place;
using table::Receipt;

namespace {

std::string of_stream(const sdk::StreamContext& ctx) { return "stream \"" + ctx.stream_name + "\": "; }

/// Whether all files are in the folder, with the sizes that they had.
Result<bool> are_there(const std::string& folder, const std::vector<ListedFile>& files, bool& some) {
  bool all = true;
  for (const ListedFile& file : files) {
    RB_SDK_ASSIGN_OR_RETURN(const std::optional<uint64_t> bytes, size_of(folder + "/" + file.name));
    if (bytes == file.bytes) {
      some = true;
    } else {
      all = false;
    }
  }
  return all;
}

}  // namespace

Status FileDialect::configure(const sdk::Json& config) {
  RB_SDK_ASSIGN_OR_RETURN(config_, Config::parse(config));
  return {};
}

Result<sdk::Validation> FileDialect::validate() {
  const Status status = open();
  if (!status.ok()) return sdk::Validation::failed(status.error().code + ": " + status.error().message);
  return sdk::Validation::success("files are written into " + config_.folder);
}

std::string FileDialect::named(const std::string& stream) const { return "folder " + table::quote_name(stream); }

std::string FileDialect::receipts_name(const std::string& stream) const { return "_rapidbyte/" + stream; }

std::string FileDialect::conflict_advice() const {
  return ": folders whose names differ only in the case of letters are one on some systems. Leave one of them out, or "
         "write it by a pipeline of its own into another folder. Nothing was written.";
}

std::string FileDialect::name_of(const std::string& stream, Place place) const {
  return place == Place::kStaging ? stream + " (staged)" : stream;
}

bool FileDialect::is_of(const Receipt& receipt, const std::string& stream, Place place) const {
  if (receipt.published) return place == Place::kTarget;
  return receipt.target == name_of(stream, place);
}

Status FileDialect::open() {
  const auto names = names_in(config_.folder);
  return names.ok() ? Status() : names.status();
}

Result<bool> FileDialect::open_existing() {
  RB_SDK_RETURN_NOT_OK(open());
  return true;
}

void FileDialect::of(const sdk::StreamContext& ctx) {
  transaction_.layout.emplace(config_.folder, ctx);
  transaction_.ctx = &ctx;
}

Status FileDialect::in_transaction(const std::function<Status()>& work, bool /*rows_go*/) {
  transaction_ = {};
  Status status = work();
  const Transaction done = std::exchange(transaction_, {});
  if (!status.ok() || !done.layout) return status;
  RB_SDK_RETURN_NOT_OK(done.journal.commit(*done.layout, *done.ctx));
  // Nothing speaks of these any more.
  for (const std::string& folder : done.staged_to_remove) RB_SDK_RETURN_NOT_OK(remove_tree(folder));
  return {};
}

Result<std::optional<StoredReceipt>> FileDialect::stored(const sdk::StreamContext& ctx) {
  const Layout layout(config_.folder, ctx);
  RB_SDK_RETURN_NOT_OK(complete_journals(layout));
  return dest_file::read_receipt(layout, ctx);
}

Result<std::optional<Receipt>> FileDialect::read_receipt(const sdk::StreamContext& ctx) {
  RB_SDK_ASSIGN_OR_RETURN(std::optional<StoredReceipt> found, stored(ctx));
  return found ? std::optional(std::move(found->receipt)) : std::nullopt;
}

Status FileDialect::write_receipt(const sdk::StreamContext& ctx, const Receipt& receipt) {
  of(ctx);
  StoredReceipt written{.receipt = receipt, .files = {}};
  if (receipt.published && transaction_.journal.listing) written.files = transaction_.journal.listing->files;
  transaction_.journal.receipt = std::move(written);
  return {};
}

Result<bool> FileDialect::still_holds(const sdk::StreamContext& ctx, const Receipt& receipt) {
  if (receipt.load_id != ctx.load_id) return true;
  const Layout layout(config_.folder, ctx);
  RB_SDK_ASSIGN_OR_RETURN(const std::optional<StoredReceipt> found, stored(ctx));
  if (!found) return false;
  const bool staged = table::written_place(ctx) == Place::kStaging;
  bool some = false;
  RB_SDK_ASSIGN_OR_RETURN(const bool all,
                          are_there(staged ? layout.staged_folder() : layout.stream_folder(), found->files, some));
  if (all) return true;
  if (staged || !some) return false;
  return sdk::config_error(codes::kReceiptMissing,
                           of_stream(ctx) + "an earlier run was interrupted after " + std::to_string(receipt.rows) +
                               " rows were committed into " + described(ctx.stream_name) +
                               ". Some of its files are gone or were changed since. So resuming could leave a gap, and "
                               "reading again could double rows. This run wrote nothing. " +
                               table::how_to_restart(ctx, named(ctx.stream_name), /*rows_there=*/true));
}

Status FileDialect::check_receipt_of_target(const sdk::StreamContext& ctx, const Receipt& /*receipt*/) {
  const Layout layout(config_.folder, ctx);
  RB_SDK_ASSIGN_OR_RETURN(const std::optional<StoredReceipt> found, stored(ctx));
  RB_SDK_ASSIGN_OR_RETURN(const std::optional<Listing> listing, Listing::read(layout.listing()));
  if (!found || found->files.empty() || !listing) return {};
  const auto is_listed = [&](const ListedFile& file) {
    return std::find(listing->files.begin(), listing->files.end(), file) != listing->files.end();
  };
  if (std::any_of(found->files.begin(), found->files.end(), is_listed)) return {};
  return sdk::config_error(
      codes::kReceiptForeign,
      of_stream(ctx) + "none of the files that the last run wrote into " + described(ctx.stream_name) +
          " is in its list of files: another pipeline has replaced them. This run wrote nothing. " +
          table::how_to_restart(ctx, named(ctx.stream_name), /*rows_there=*/true));
}

Status FileDialect::stream_begins(const sdk::StreamContext& ctx) {
  const Layout layout(config_.folder, ctx);
  RB_SDK_RETURN_NOT_OK(complete_journals(layout));
  if (table::written_place(ctx) != Place::kStaging) return remove_tree(layout.staged_folder());
  // A replace that left somebody else's files there would be no replace.
  RB_SDK_ASSIGN_OR_RETURN(const std::optional<Listing> listing, Listing::read(layout.listing()));
  RB_SDK_ASSIGN_OR_RETURN(const std::vector<std::string> names, names_in(layout.stream_folder()));
  for (const std::string& name : names) {
    if (name.starts_with('_') || name.starts_with('.')) continue;
    const bool ours = listing && std::any_of(listing->files.begin(), listing->files.end(), [&](const ListedFile& file) {
                        return file.name == name || file.name.starts_with(name + "/");
                      });
    if (ours || !has_files(layout.stream_folder() + "/" + name)) continue;
    return sdk::schema_error(codes::kTargetNotATable,
                             of_stream(ctx) + described(ctx.stream_name) + " has \"" + name +
                                 "\", which no run has written. A replace would leave it among the new files. Move it "
                                 "away, or write into another folder.");
  }
  return {};
}

Result<bool> FileDialect::exists(const sdk::StreamContext& ctx, Place place) {
  const Layout layout(config_.folder, ctx);
  RB_SDK_ASSIGN_OR_RETURN(const std::optional<uint64_t> bytes,
                          size_of(place == Place::kStaging ? layout.staged_columns() : layout.listing()));
  return bytes.has_value();
}

Result<bool> FileDialect::has_rows(const sdk::StreamContext& ctx) {
  const Layout layout(config_.folder, ctx);
  RB_SDK_ASSIGN_OR_RETURN(const std::optional<Listing> listing, Listing::read(layout.listing()));
  if (!listing) return false;
  for (const ListedFile& file : listing->files) {
    if (file.rows == 0) continue;
    RB_SDK_ASSIGN_OR_RETURN(const std::optional<uint64_t> bytes, size_of(layout.stream_folder() + "/" + file.name));
    if (bytes) return true;
  }
  return false;
}

Status FileDialect::check_upsert_key(const sdk::StreamContext& ctx) {
  return sdk::config_error(codes::kUnsupportedWriteMode,
                           of_stream(ctx) +
                               "files cannot be upserted: take write_mode append, and let readers keep the "
                               "newest row of each key; or load into a database");
}

Result<duck::Engine*> FileDialect::engine(const sdk::StreamContext& ctx) {
  // One for each stream: it is the cheap part of a file, and nothing of a stream is left over for the next.
  RB_SDK_ASSIGN_OR_RETURN(
      engine_, duck::Engine::open({.memory_bytes = ctx.limits.max_memory_bytes / 100 * duck::kEnginePercent}));
  return engine_.get();
}

Status FileDialect::make_target(const sdk::StreamContext& ctx, const sdk::Schema& schema) {
  of(ctx);
  RB_SDK_ASSIGN_OR_RETURN(
      const TargetPlan plan,
      fit_columns({.stream = ctx.stream_name, .schema = schema, .key = {}, .policies = ctx.policies, .has_rows = false},
                  std::nullopt, described(ctx.stream_name)));
  RB_SDK_ASSIGN_OR_RETURN(transaction_.journal.listing, empty_table(ctx, schema, plan, "part-"));
  return {};
}

Result<Listing> FileDialect::empty_table(const sdk::StreamContext& ctx, const sdk::Schema& schema,
                                         const TargetPlan& plan, std::string_view prefix) {
  const Layout& layout = *transaction_.layout;
  Listing listing{.columns = plan.table, .files = {}};
  RB_SDK_RETURN_NOT_OK(check_partition_columns(config_.partition_by, plan.table, described(ctx.stream_name)));
  RB_SDK_ASSIGN_OR_RETURN(duck::Engine* const engine, this->engine(ctx));
  PartFiles files(*engine, config_, layout, load_tag(ctx.load_id), 1, UINT64_MAX);
  RB_SDK_RETURN_NOT_OK(files.begin(schema, plan.columns));
  RB_SDK_RETURN_NOT_OK(files.write_empty());
  for (ListedFile& file : files.take_finished()) {
    const std::string name = published_name(file.name, prefix);
    transaction_.journal.moves.emplace_back(layout.staged_folder() + "/" + file.name,
                                            layout.stream_folder() + "/" + name);
    file.name = name;
    listing.files.push_back(std::move(file));
  }
  return listing;
}

Status FileDialect::make_staging(const sdk::StreamContext& /*ctx*/, const sdk::Schema& /*schema*/) {
  return {};  // made with its first file, or when it is published without one
}

Status FileDialect::drop_staging(const sdk::StreamContext& ctx) {
  of(ctx);
  transaction_.staged_to_remove.push_back(transaction_.layout->staged_folder());
  return {};
}

Status FileDialect::publish_staging(const sdk::StreamContext& ctx, int64_t rows) {
  of(ctx);
  const Layout& layout = *transaction_.layout;
  RB_SDK_ASSIGN_OR_RETURN(const std::optional<StoredReceipt> found, stored(ctx));
  RB_SDK_ASSIGN_OR_RETURN(const std::optional<Listing> old, Listing::read(layout.listing()));
  Journal& journal = transaction_.journal;
  const bool of_this_load = found && found->receipt.load_id == ctx.load_id;
  if (!of_this_load || found->files.empty()) {
    const table::TableRequest request = {
        .stream = ctx.stream_name, .schema = ctx.schema, .key = {}, .policies = ctx.policies, .has_rows = false};
    const auto existing = old && old->columns.size() > 0 ? std::optional(old->columns) : std::nullopt;
    // Without columns of its own the stream empties the table that is there; all rows may have been rejected.
    RB_SDK_ASSIGN_OR_RETURN(const std::optional<std::string> seen, read_file(layout.staged_columns()));
    sdk::Schema schema = ctx.schema.fields.empty() && existing ? *existing : ctx.schema;
    if (schema.fields.empty() && seen) {
      RB_SDK_ASSIGN_OR_RETURN(const sdk::Json json, sdk::parse_json(*seen));
      RB_SDK_ASSIGN_OR_RETURN(schema, sdk::Schema::from_json(json));
    }
    RB_SDK_ASSIGN_OR_RETURN(const sdk::Schema columns,
                            ctx.schema.fields.empty()
                                ? Result<sdk::Schema>(schema)
                                : replacing_columns(request, existing, described(ctx.stream_name)));
    table::TableRequest fitted = request;
    fitted.schema = schema;
    RB_SDK_ASSIGN_OR_RETURN(const TargetPlan plan, fit_columns(fitted, columns, described(ctx.stream_name)));
    RB_SDK_ASSIGN_OR_RETURN(journal.listing, empty_table(ctx, schema, plan, "data-"));
  } else {
    uint64_t staged_rows = 0;
    for (const ListedFile& file : found->files) staged_rows += file.rows;
    bool some = false;
    RB_SDK_ASSIGN_OR_RETURN(const bool all, are_there(layout.staged_folder(), found->files, some));
    if (!all || staged_rows != static_cast<uint64_t>(rows)) {
      return sdk::internal_error(codes::kStagingLost,
                                 of_stream(ctx) + "the files that were staged for " + described(ctx.stream_name) +
                                     " are gone, or are not what was written. The old files were left as they were; "
                                     "run again.");
    }
    RB_SDK_ASSIGN_OR_RETURN(const std::optional<std::string> columns, read_file(layout.staged_columns()));
    RB_SDK_ASSIGN_OR_RETURN(const sdk::Json json, sdk::parse_json(columns.value_or("[]")));
    journal.listing.emplace();
    RB_SDK_ASSIGN_OR_RETURN(journal.listing->columns, sdk::Schema::from_json(json));
    for (const ListedFile& file : found->files) {
      journal.listing->files.push_back({published_name(file.name, "data-"), file.rows, file.bytes});
      journal.moves.emplace_back(layout.staged_folder() + "/" + file.name, "");
    }
  }
  // One file alone takes the place of the one before by a single rename.
  std::vector<ListedFile>& files = journal.listing->files;
  if (files.size() == 1 && config_.partition_by.empty()) files[0].name = "data" + config_.ending();
  for (size_t i = 0; i < journal.moves.size(); ++i)
    journal.moves[i].second = layout.stream_folder() + "/" + files[i].name;
  if (old) {
    for (const ListedFile& file : old->files) {
      const bool stays =
          std::any_of(files.begin(), files.end(), [&](const auto& other) { return other.name == file.name; });
      if (!stays) journal.removals.push_back(layout.stream_folder() + "/" + file.name);
    }
  }
  transaction_.staged_to_remove.push_back(layout.staged_folder());
  return {};
}

Result<std::unique_ptr<table::Writer>> FileDialect::make_writer(const sdk::StreamContext& ctx,
                                                                const std::optional<Receipt>& previous) {
  std::optional<StoredReceipt> before;
  if (previous && previous->load_id == ctx.load_id && is_of(*previous, ctx.stream_name, table::written_place(ctx))) {
    RB_SDK_ASSIGN_OR_RETURN(before, stored(ctx));
  }
  RB_SDK_ASSIGN_OR_RETURN(duck::Engine* const engine, this->engine(ctx));
  return std::unique_ptr<table::Writer>(
      std::make_unique<LoadWriter>(*engine, config_, ctx, std::move(before), described(ctx.stream_name)));
}

}  // namespace rapidbyte::dest_file
