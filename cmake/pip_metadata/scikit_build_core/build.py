"""Stands in for DuckDB's Python build backend while pip downloads its source archive (see mesonpy.py beside this folder).

The archive brings its own backend, which wraps these functions of scikit-build-core. Only the first is called; the others are imported by name.
"""
import minimal_metadata


def prepare_metadata_for_build_wheel(metadata_directory, config_settings=None):
    return minimal_metadata.write(metadata_directory, "duckdb", "DUCKDB_GUEST_VERSION")


def _never(*_arguments, **_options):
    raise RuntimeError("nothing is built from DuckDB's Python package; only its archive is wanted")


build_editable = build_sdist = build_wheel = prepare_metadata_for_build_editable = _never
get_requires_for_build_editable = get_requires_for_build_sdist = get_requires_for_build_wheel = lambda *_arguments: []
