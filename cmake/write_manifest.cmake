# Copies a connector's manifest.json beside its component and fills in artifact.entry_point and artifact.checksum.
file(SHA256 ${WASM} digest)
get_filename_component(stem ${WASM} NAME)
file(READ ${IN} json)
string(JSON json SET "${json}" artifact entry_point "\"${stem}\"")
string(JSON json SET "${json}" artifact checksum "\"sha256:${digest}\"")
file(WRITE ${OUT} "${json}\n")
