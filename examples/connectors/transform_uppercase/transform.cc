// transform-uppercase: ASCII letters of the named text columns become capitals. Every other buffer of a batch is passed
// on unchanged, without being rebuilt, and upper-casing ASCII changes no lengths, so the offsets are passed on too.

#include "rapidbyte/sdk/connector.h"

namespace {

using namespace rapidbyte::sdk;

struct Uppercase {
  Status open(const Json& config) {
    ConfigReader reader(config);
    names_ = reader.required_strings("columns");
    return reader.finish();
  }

  Result<TransformSummary> transform(const StreamContext&) {
    TransformSummary summary;
    BatchReader in;
    std::optional<IpcEncoder> out;
    std::vector<size_t> chosen;
    uint64_t schema_version = 0;
    for (;;) {
      RB_SDK_ASSIGN_OR_RETURN(const std::optional<Bytes> batch, host::next_batch());
      if (!batch) return summary;
      RB_SDK_RETURN_NOT_OK(in.load(*batch));
      if (in.schema_version() != schema_version) {
        RB_SDK_ASSIGN_OR_RETURN(chosen, choose(in.schema()));
        RB_SDK_ASSIGN_OR_RETURN(out, IpcEncoder::make(in.schema()));
        schema_version = in.schema_version();
      }
      RB_SDK_ASSIGN_OR_RETURN(const std::span<const uint8_t> changed, convert(in, chosen, *out));
      RB_SDK_RETURN_NOT_OK(host::emit_batch(changed));
      summary.records_in += in.rows();
      summary.records_out += in.rows();
      summary.bytes_in += batch->size();
      summary.bytes_out += changed.size();
      ++summary.batches_processed;
    }
  }

 private:
  [[nodiscard]] Result<std::vector<size_t>> choose(const Schema& schema) const {
    std::vector<size_t> chosen;
    for (const std::string& name : names_) {
      const auto index = schema.index_of(name);
      if (!index)
        return schema_error("NO_SUCH_COLUMN", "`columns` names `" + name + "`, which the stream does not have");
      if (!schema.fields[*index].type.is_text()) {
        return schema_error("NOT_TEXT", "column `" + name + "` is " + schema.fields[*index].type.name() + ", not text");
      }
      chosen.push_back(*index);
    }
    return chosen;
  }

  Result<std::span<const uint8_t>> convert(const BatchReader& in, const std::vector<size_t>& chosen, IpcEncoder& out) {
    columns_.clear();
    for (size_t i = 0; i < in.column_count(); ++i) columns_.push_back(in.column(i).buffers());
    upper_.resize(chosen.size());
    for (size_t i = 0; i < chosen.size(); ++i) {
      ColumnBuffers& column = columns_[chosen[i]];
      upper_[i].clear();
      upper_[i].append(column.values.data(), column.values.size());
      for (uint8_t& byte : std::span(upper_[i].data(), upper_[i].size())) {
        if (byte >= 'a' && byte <= 'z') byte = static_cast<uint8_t>(byte - 'a' + 'A');
      }
      column.values = upper_[i].span();
    }
    return out.encode(static_cast<int64_t>(in.rows()), columns_);
  }

  std::vector<std::string> names_;
  std::vector<ColumnBuffers> columns_;
  std::vector<ByteBuffer> upper_;
};

}  // namespace

RAPIDBYTE_TRANSFORM(Uppercase)
