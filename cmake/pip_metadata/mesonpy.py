"""Stands in for nanoarrow's Python build backend while pip downloads its source archive.

pip asks the backend for metadata even when it only downloads, and the real one answers by compiling the Python extension
(which needs Python's headers, meson and 40 seconds). We only want the archive with its C sources, and we run none of its code.
"""
import minimal_metadata


def prepare_metadata_for_build_wheel(metadata_directory, config_settings=None):
    return minimal_metadata.write(metadata_directory, "nanoarrow", "NANOARROW_VERSION")
