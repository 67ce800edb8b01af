#include "connectors/dest_file/src/listing.h"

#include "rapidbyte/protocol/error_codes.h"

namespace rapidbyte::dest_file {

using sdk::Json;

Status damaged(const std::string& path, const std::string& why) {
  return sdk::internal_error(
      codes::kListingDamaged,
      path + " is not as it was written: " + why +
          ". Put back a copy of it; or remove it together with the files of the stream, and load "
          "all of them again.");
}

Json ListedFile::to_json() const { return {{"name", name}, {"rows", rows}, {"bytes", bytes}}; }

Result<ListedFile> ListedFile::from_json(const Json& json) {
  const auto name = sdk::string_member(json, "name");
  const auto rows = sdk::uint_member(json, "rows");
  const auto bytes = sdk::uint_member(json, "bytes");
  if (!name || !rows || !bytes || name->empty() || name->front() == '/' ||
      ("/" + *name + "/").find("/../") != std::string::npos)
    return damaged("the list of files", "an entry is " + sdk::to_text(json).substr(0, 200));
  return ListedFile{*name, *rows, *bytes};
}

uint64_t Listing::rows() const {
  uint64_t sum = 0;
  for (const ListedFile& file : files) sum += file.rows;
  return sum;
}

Json Listing::to_json() const {
  Json list = Json::array();
  for (const ListedFile& file : files) list.push_back(file.to_json());
  return {{"version", 1}, {"columns", columns.to_json()}, {"files", std::move(list)}};
}

Result<Listing> Listing::from_json(const Json& json) {
  Listing listing;
  const Json* columns = sdk::find_member(json, "columns");
  const Json* files = sdk::find_member(json, "files");
  if (sdk::uint_member(json, "version") != 1U || columns == nullptr || files == nullptr || !files->is_array())
    return damaged("the listing", "it has no version 1, columns and files");
  RB_SDK_ASSIGN_OR_RETURN(listing.columns, sdk::Schema::from_json(*columns));
  for (const Json& entry : *files) {
    RB_SDK_ASSIGN_OR_RETURN(ListedFile file, ListedFile::from_json(entry));
    listing.files.push_back(std::move(file));
  }
  return listing;
}

Result<std::optional<Listing>> Listing::read(const std::string& path) {
  RB_SDK_ASSIGN_OR_RETURN(const std::optional<std::string> text, read_file(path));
  if (!text) return std::optional<Listing>();
  const auto json = sdk::parse_json(*text);
  if (!json.ok()) return damaged(path, json.error().message);
  auto listing = Listing::from_json(*json);
  if (!listing.ok()) return damaged(path, listing.error().message);
  return std::optional(*std::move(listing));
}

}  // namespace rapidbyte::dest_file
