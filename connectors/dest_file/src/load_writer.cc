#include "connectors/dest_file/src/load_writer.h"

#include <utility>

#include "connectors/shared/duckdb/stream_runs.h"
#include "rapidbyte/protocol/error_codes.h"
#include "rapidbyte/table/life_cycle.h"

namespace rapidbyte::dest_file {

using sdk::Json;

namespace {

constexpr uint64_t kAppendedFile = 128ULL << 20U;

}  // namespace

uint64_t file_size_of(const Config& config, bool replaces) {
  return config.file_size.value_or(replaces ? UINT64_MAX : kAppendedFile);
}

std::string published_name(const std::string& staged, std::string_view prefix) {
  const size_t slash = staged.rfind('/');
  const size_t base = slash == std::string::npos ? 0 : slash + 1;
  return staged.substr(0, base) + std::string(prefix) + staged.substr(base);
}

LoadWriter::LoadWriter(duck::Engine& engine, const Config& config, const sdk::StreamContext& ctx,
                       std::optional<StoredReceipt> before, std::string described)
    : ctx_(ctx),
      config_(config),
      layout_(config.folder, ctx),
      replaces_(table::written_place(ctx) == table::Place::kStaging),
      described_(std::move(described)),
      stored_(before ? *std::move(before) : StoredReceipt()),
      files_(engine, config, layout_, load_tag(ctx.load_id), stored_.files.size() + 1, file_size_of(config, replaces_)),
      refused_(ctx) {}

Status LoadWriter::prepare() {
  const table::TableRequest request = {.stream = ctx_.stream_name,
                                       .schema = batch_.schema(),
                                       .key = {},
                                       .policies = ctx_.policies,
                                       .has_rows = batch_.rows() != 0,
                                       .has_values = [this](size_t column) { return batch_.has_values(column); }};
  std::optional<sdk::Schema> existing;
  if (plan_.table.size() > 0) {
    existing = plan_.table;  // the columns have changed in the middle of the load
  } else {
    RB_SDK_ASSIGN_OR_RETURN(const std::optional<Listing> listing, Listing::read(layout_.listing()));
    if (listing && listing->columns.size() > 0) existing = listing->columns;
    if (replaces_) {
      RB_SDK_ASSIGN_OR_RETURN(existing, replacing_columns(request, existing, described_));
    }
  }
  RB_SDK_ASSIGN_OR_RETURN(plan_, fit_columns(request, existing, described_));
  // The words of the source's own types stand in the context only.
  for (sdk::Field& field : plan_.table.fields) {
    const auto index = ctx_.schema.index_of(field.name);
    if (index && field.native_type.empty()) field.native_type = ctx_.schema.fields[*index].native_type;
  }
  for (OutputColumn& column : plan_.columns) {
    const auto index = plan_.table.index_of(column.field.name);
    if (index) column.field.native_type = plan_.table.fields[*index].native_type;
  }
  RB_SDK_RETURN_NOT_OK(check_partition_columns(config_.partition_by, plan_.table, described_));
  return files_.begin(batch_.schema(), plan_.columns);
}

Result<sdk::WriteCount> LoadWriter::write(std::span<const uint8_t> bytes) {
  RB_SDK_RETURN_NOT_OK(batch_.load(bytes));
  if (batch_.schema().fields.empty() && batch_.rows() == 0) return sdk::WriteCount();
  if (batch_.schema_version() != schema_version_) {
    RB_SDK_RETURN_NOT_OK(prepare());
    schema_version_ = batch_.schema_version();
  }
  RB_SDK_RETURN_NOT_OK(table::check_late_values(plan_.columns, plan_.no_columns, batch_));
  if (plan_.columns.empty()) return sdk::WriteCount();
  sdk::WriteCount count;
  RB_SDK_ASSIGN_OR_RETURN(count.written, files_.write(batch_, [&](const UnfitRow& unfit) {
    return refused_.reject(
        {.row = unfit.row, .reason = unfit.why}, rows_seen_, [&] { return duck::record_of(batch_, unfit.row); },
        described_, count.failed);
  }));
  rows_seen_ += batch_.rows();
  return count;
}

Status LoadWriter::commit(const table::Receipt& receipt) {
  RB_SDK_RETURN_NOT_OK(files_.finish());
  std::vector<ListedFile> files = files_.take_finished();
  return replaces_ ? commit_replace(receipt, std::move(files)) : commit_append(receipt, std::move(files));
}

Status LoadWriter::commit_append(const table::Receipt& receipt, std::vector<ListedFile> files) {
  Journal journal;
  stored_.receipt = receipt;
  if (!files.empty()) {
    RB_SDK_ASSIGN_OR_RETURN(const std::optional<Listing> listing, Listing::read(layout_.listing()));
    journal.listing = listing.value_or(Listing());
    journal.listing->columns = plan_.table;
    for (ListedFile& file : files) {
      const std::string name = published_name(file.name, "part-");
      journal.moves.emplace_back(layout_.staged_folder() + "/" + file.name, layout_.stream_folder() + "/" + name);
      file.name = name;
      journal.listing->files.push_back(file);
      stored_.files.push_back(file);
    }
  }
  journal.receipt = stored_;
  return journal.commit(layout_, ctx_);
}

Status LoadWriter::commit_replace(const table::Receipt& receipt, std::vector<ListedFile> files) {
  stored_.receipt = receipt;
  for (ListedFile& file : files) stored_.files.push_back(std::move(file));
  if (plan_.table.size() > 0) {
    RB_SDK_RETURN_NOT_OK(make_folders(layout_.staged_folder()));
    RB_SDK_RETURN_NOT_OK(write_durably(layout_.staged_columns(), sdk::to_text(plan_.table.to_json())));
  }
  return write_receipt(layout_, ctx_, stored_);
}

}  // namespace rapidbyte::dest_file
