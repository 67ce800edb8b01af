"""Stands in for nanoarrow's Python build backend while pip downloads its source archive.

pip asks the backend for metadata even when it only downloads, and the real one answers by compiling the Python extension
(which needs Python's headers, meson and 40 seconds). We only want the archive with its C sources, and we run none of its code.
"""
import os


def prepare_metadata_for_build_wheel(metadata_directory, config_settings=None):
    version = os.environ["NANOARROW_VERSION"]
    name = f"nanoarrow-{version}.dist-info"
    os.makedirs(os.path.join(metadata_directory, name))
    with open(os.path.join(metadata_directory, name, "METADATA"), "w", encoding="utf-8") as out:
        out.write(f"Metadata-Version: 2.1\nName: nanoarrow\nVersion: {version}\n")
    return name
