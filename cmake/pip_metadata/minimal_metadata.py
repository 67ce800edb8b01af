"""What pip asks a build backend for while it only downloads a source archive, without running any of the archive's code."""
import os


def write(metadata_directory, package, version_variable):
    """Writes the minimum that pip accepts as metadata; the version comes from an environment variable that ./dev sets."""
    version = os.environ[version_variable]
    name = f"{package}-{version}.dist-info"
    os.makedirs(os.path.join(metadata_directory, name))
    with open(os.path.join(metadata_directory, name, "METADATA"), "w", encoding="utf-8") as out:
        out.write(f"Metadata-Version: 2.1\nName: {package}\nVersion: {version}\n")
    return name
