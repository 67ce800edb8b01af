//! What a guest can do with the folders that it was given. WASI's own path functions stand behind these, which refuse what
//! would let a guest leave its folders, now or in a later run:
//!
//! * nobody makes links (symbolic or hard), reads where a link leads, or puts an existing link elsewhere;
//! * of a folder that was opened for the sake of single files only these are there, by their names, and links in their
//!   place are not followed.
//!
//! Native components and those behind the preview1 adapter both come here: the adapter calls the same interface.

use crate::{Cx, rb_bytes_t};
use std::fs::File;
use std::sync::Arc;
use wasmtime::component::{Linker, Resource, ResourceTable};
use wasmtime_c_api::{WasmtimeStoreContextMut, WasmtimeStoreData, wasmtime_component_linker_t, wasmtime_error_t};
use wasmtime_wasi::FsPerms;
use wasmtime_wasi::filesystem::{Descriptor, Dir, WasiFilesystemCtxView, WasiFilesystemView};
use wasmtime_wasi::p2::FsResult;
use wasmtime_wasi::p2::bindings::filesystem::preopens::Host as Preopens;
use wasmtime_wasi::p2::bindings::sync::filesystem::types::{
    DescriptorFlags, DescriptorStat, DescriptorType, DirectoryEntryStream, ErrorCode, Host as FilesystemHost,
    HostDescriptor, MetadataHashValue, NewTimestamp, OpenFlags, PathFlags,
};

/// A file that a guest may use in a folder of which it sees nothing else. `preopen` counts the store's preopened folders
/// from 0, in the order in which they were added.
#[repr(C)]
pub struct rb_file_grant_t {
    preopen: usize,
    name: rb_bytes_t,
    read_write: bool,
    /// Files beside a database, too. 1, of SQLite: `-journal`, `-wal`, `-shm`, and `-tmp-` with 16 hexadecimal digits; 2,
    /// of DuckDB: `.wal`, `.wal.checkpoint`, `.wal.recovery`.
    companions: u8,
}

#[derive(Clone)]
struct FileGrant {
    name: String,
    read_write: bool,
    companions: u8,
}

impl FileGrant {
    fn covers(&self, name: &str) -> bool {
        let Some(rest) = name.strip_prefix(self.name.as_str()) else {
            return false;
        };
        if rest.is_empty() {
            return true;
        }
        match (self.companions, rest) {
            (1, "-journal" | "-wal" | "-shm") | (2, ".wal" | ".wal.checkpoint" | ".wal.recovery") => true,
            (1, _) => rest.strip_prefix("-tmp-").is_some_and(|digits| {
                digits.len() == 16 && digits.bytes().all(|c| matches!(c, b'0'..=b'9' | b'a'..=b'f'))
            }),
            _ => false,
        }
    }
}

/// The folders of a store that show single files only. A folder is known by its handle, which every descriptor of it
/// shares and which the store's preopens keep open.
struct Walls(Vec<(usize, Vec<FileGrant>)>);

/// Where a store's walls stand in its table: they are the first thing that is put there, and never taken out.
const WALLS: u32 = 0;

fn handle_of(dir: &Dir) -> usize {
    Arc::<File>::as_ptr(&dir.dir) as usize
}

/// What stands between a guest and a path below one of its descriptors.
enum Reach {
    /// The whole folder, as WASI itself has it.
    Folder,
    /// This file, by the name that is left of the path.
    File {
        name: String,
        read_write: bool,
    },
    /// The folder itself, of which only files are granted.
    Itself,
    Nothing,
}

fn walls_of<'a>(table: &'a ResourceTable, dir: &Dir) -> wasmtime::Result<Option<&'a [FileGrant]>> {
    let walls = table.get(&Resource::<Walls>::new_borrow(WALLS))?;
    let handle = handle_of(dir);
    Ok(walls.0.iter().find(|(folder, _)| *folder == handle).map(|(_, files)| files.as_slice()))
}

fn reach(view: &WasiFilesystemCtxView<'_>, fd: &Resource<Descriptor>, path: &str) -> wasmtime::Result<Reach> {
    let Descriptor::Dir(dir) = view.table.get(fd)? else {
        // WASI says what is wrong with it.
        return Ok(Reach::Folder);
    };
    let Some(files) = walls_of(view.table, dir)? else {
        return Ok(Reach::Folder);
    };
    let mut name = path;
    while let Some(rest) = name.strip_prefix("./") {
        name = rest.trim_start_matches('/');
    }
    if name == "." || (name.is_empty() && !path.is_empty()) {
        return Ok(Reach::Itself);
    }
    Ok(match files.iter().find(|file| file.covers(name)) {
        Some(file) => Reach::File { name: name.to_owned(), read_write: file.read_write },
        None => Reach::Nothing,
    })
}

/// Whether only single files of the folder behind `fd` are granted.
fn is_walled(view: &WasiFilesystemCtxView<'_>, fd: &Resource<Descriptor>) -> wasmtime::Result<bool> {
    match view.table.get(fd)? {
        Descriptor::Dir(dir) => Ok(walls_of(view.table, dir)?.is_some()),
        Descriptor::File(_) => Ok(false),
    }
}

fn again(fd: &Resource<Descriptor>) -> Resource<Descriptor> {
    Resource::new_borrow(fd.rep())
}

type Answer<T> = Result<T, ErrorCode>;

/// What WASI said, as the guest gets it.
fn answer<T>(view: &mut WasiFilesystemCtxView<'_>, said: FsResult<T>) -> wasmtime::Result<Answer<T>> {
    match said {
        Ok(value) => Ok(Ok(value)),
        Err(error) => Ok(Err(FilesystemHost::convert_error_code(view, error)?)),
    }
}

fn open_at(
    view: &mut WasiFilesystemCtxView<'_>,
    (fd, path_flags, path, open_flags, flags): (Resource<Descriptor>, PathFlags, String, OpenFlags, DescriptorFlags),
) -> wasmtime::Result<Answer<Resource<Descriptor>>> {
    match reach(view, &fd, &path)? {
        Reach::Folder => {
            let said = HostDescriptor::open_at(view, fd, path_flags, path, open_flags, flags);
            answer(view, said)
        }
        Reach::File { name, read_write } => {
            let writes = flags.intersects(DescriptorFlags::WRITE | DescriptorFlags::MUTATE_DIRECTORY)
                || open_flags.intersects(OpenFlags::CREATE | OpenFlags::TRUNCATE);
            if writes && !read_write {
                return Ok(Err(ErrorCode::NotPermitted));
            }
            let said = HostDescriptor::open_at(view, fd, PathFlags::empty(), name, open_flags, flags);
            let opened = match answer(view, said)? {
                Ok(opened) => opened,
                Err(error) => return Ok(Err(error)),
            };
            match view.table.get_mut(&again(&opened))? {
                Descriptor::File(file) => {
                    if !read_write {
                        file.perms = FsPerms::ReadOnly;
                    }
                    Ok(Ok(opened))
                }
                // A folder in the file's place would have no walls.
                Descriptor::Dir(_) => {
                    view.table.delete(opened)?;
                    Ok(Err(ErrorCode::NotPermitted))
                }
            }
        }
        // To sync the folder, or as the start of another path: the same handle, so the same walls.
        Reach::Itself => {
            if open_flags.intersects(OpenFlags::CREATE | OpenFlags::TRUNCATE) || flags.contains(DescriptorFlags::WRITE)
            {
                return Ok(Err(ErrorCode::IsDirectory));
            }
            let same = view.table.get(&fd)?.clone();
            Ok(Ok(view.table.push(same)?))
        }
        Reach::Nothing => Ok(Err(ErrorCode::NotPermitted)),
    }
}

fn stat_at(
    view: &mut WasiFilesystemCtxView<'_>,
    (fd, path_flags, path): (Resource<Descriptor>, PathFlags, String),
) -> wasmtime::Result<Answer<DescriptorStat>> {
    let said = match reach(view, &fd, &path)? {
        Reach::Folder => HostDescriptor::stat_at(view, fd, path_flags, path),
        Reach::File { name, .. } => HostDescriptor::stat_at(view, fd, PathFlags::empty(), name),
        Reach::Itself => HostDescriptor::stat(view, fd),
        Reach::Nothing => return Ok(Err(ErrorCode::NotPermitted)),
    };
    answer(view, said)
}

fn metadata_hash_at(
    view: &mut WasiFilesystemCtxView<'_>,
    (fd, path_flags, path): (Resource<Descriptor>, PathFlags, String),
) -> wasmtime::Result<Answer<MetadataHashValue>> {
    let said = match reach(view, &fd, &path)? {
        Reach::Folder => HostDescriptor::metadata_hash_at(view, fd, path_flags, path),
        Reach::File { name, .. } => HostDescriptor::metadata_hash_at(view, fd, PathFlags::empty(), name),
        Reach::Itself => HostDescriptor::metadata_hash(view, fd),
        Reach::Nothing => return Ok(Err(ErrorCode::NotPermitted)),
    };
    answer(view, said)
}

fn set_times_at(
    view: &mut WasiFilesystemCtxView<'_>,
    (fd, path_flags, path, access, modification): (Resource<Descriptor>, PathFlags, String, NewTimestamp, NewTimestamp),
) -> wasmtime::Result<Answer<()>> {
    let said = match reach(view, &fd, &path)? {
        Reach::Folder => HostDescriptor::set_times_at(view, fd, path_flags, path, access, modification),
        Reach::File { name, read_write: true } => {
            HostDescriptor::set_times_at(view, fd, PathFlags::empty(), name, access, modification)
        }
        _ => return Ok(Err(ErrorCode::NotPermitted)),
    };
    answer(view, said)
}

fn set_times(
    view: &mut WasiFilesystemCtxView<'_>,
    (fd, access, modification): (Resource<Descriptor>, NewTimestamp, NewTimestamp),
) -> wasmtime::Result<Answer<()>> {
    if is_walled(view, &fd)? {
        return Ok(Err(ErrorCode::NotPermitted));
    }
    let said = HostDescriptor::set_times(view, fd, access, modification);
    answer(view, said)
}

fn unlink_file_at(
    view: &mut WasiFilesystemCtxView<'_>,
    (fd, path): (Resource<Descriptor>, String),
) -> wasmtime::Result<Answer<()>> {
    let said = match reach(view, &fd, &path)? {
        Reach::Folder => HostDescriptor::unlink_file_at(view, fd, path),
        Reach::File { name, read_write: true } => HostDescriptor::unlink_file_at(view, fd, name),
        _ => return Ok(Err(ErrorCode::NotPermitted)),
    };
    answer(view, said)
}

/// Only regular files get another name. A link that is moved leads elsewhere, and so does one in a folder that is moved:
/// either would be a way to make links.
fn rename_at(
    view: &mut WasiFilesystemCtxView<'_>,
    (fd, old_path, new_fd, new_path): (Resource<Descriptor>, String, Resource<Descriptor>, String),
) -> wasmtime::Result<Answer<()>> {
    let allowed = |reached: Reach, path: String| match reached {
        Reach::Folder => Some(path),
        Reach::File { name, read_write: true } => Some(name),
        _ => None,
    };
    let old_name = allowed(reach(view, &fd, &old_path)?, old_path);
    let new_name = allowed(reach(view, &new_fd, &new_path)?, new_path);
    let (Some(old_name), Some(new_name)) = (old_name, new_name) else {
        return Ok(Err(ErrorCode::NotPermitted));
    };
    let said = HostDescriptor::stat_at(view, again(&fd), PathFlags::empty(), old_name.clone());
    match answer(view, said)? {
        Ok(stat) if matches!(stat.type_, DescriptorType::RegularFile) => {}
        Ok(_) => return Ok(Err(ErrorCode::NotPermitted)),
        Err(error) => return Ok(Err(error)),
    }
    let said = HostDescriptor::rename_at(view, fd, old_name, new_fd, new_name);
    answer(view, said)
}

fn create_directory_at(
    view: &mut WasiFilesystemCtxView<'_>,
    (fd, path): (Resource<Descriptor>, String),
) -> wasmtime::Result<Answer<()>> {
    if is_walled(view, &fd)? {
        return Ok(Err(ErrorCode::NotPermitted));
    }
    let said = HostDescriptor::create_directory_at(view, fd, path);
    answer(view, said)
}

fn remove_directory_at(
    view: &mut WasiFilesystemCtxView<'_>,
    (fd, path): (Resource<Descriptor>, String),
) -> wasmtime::Result<Answer<()>> {
    if is_walled(view, &fd)? {
        return Ok(Err(ErrorCode::NotPermitted));
    }
    let said = HostDescriptor::remove_directory_at(view, fd, path);
    answer(view, said)
}

fn read_directory(
    view: &mut WasiFilesystemCtxView<'_>,
    (fd,): (Resource<Descriptor>,),
) -> wasmtime::Result<Answer<Resource<DirectoryEntryStream>>> {
    if is_walled(view, &fd)? {
        return Ok(Err(ErrorCode::NotPermitted));
    }
    let said = HostDescriptor::read_directory(view, fd);
    answer(view, said)
}

/// What is no link is answered as ever (`realpath` of a C library relies on it); where a link leads is not told.
fn readlink_at(
    view: &mut WasiFilesystemCtxView<'_>,
    (fd, path): (Resource<Descriptor>, String),
) -> wasmtime::Result<Answer<String>> {
    let said = match reach(view, &fd, &path)? {
        Reach::Folder => HostDescriptor::readlink_at(view, fd, path),
        Reach::File { name, .. } => HostDescriptor::readlink_at(view, fd, name),
        Reach::Itself => return Ok(Err(ErrorCode::Invalid)),
        Reach::Nothing => return Ok(Err(ErrorCode::NotPermitted)),
    };
    Ok(match answer(view, said)? {
        Ok(_) => Err(ErrorCode::NotPermitted),
        Err(error) => Err(error),
    })
}

fn no_symlink_at(
    _view: &mut WasiFilesystemCtxView<'_>,
    _arguments: (Resource<Descriptor>, String, String),
) -> wasmtime::Result<Answer<()>> {
    Ok(Err(ErrorCode::NotPermitted))
}

fn no_link_at(
    _view: &mut WasiFilesystemCtxView<'_>,
    _arguments: (Resource<Descriptor>, PathFlags, String, Resource<Descriptor>, String),
) -> wasmtime::Result<Answer<()>> {
    Ok(Err(ErrorCode::NotPermitted))
}

/// Replaces the functions of `wasi:filesystem/types` that take a path, list a folder or date it. Call it after
/// `wasmtime_component_linker_add_wasip2`; every store then needs `rb_context_set_walls`.
#[unsafe(no_mangle)]
pub extern "C" fn rb_linker_guard_folders(linker: &mut wasmtime_component_linker_t) -> Option<Box<wasmtime_error_t>> {
    // SAFETY: `repr(transparent)` over this field, asserted in lib.rs.
    let linker: &mut Linker<WasmtimeStoreData> = unsafe { &mut *std::ptr::from_mut(linker).cast() };
    linker.allow_shadowing(true);
    let defined = linker.instance("wasi:filesystem/types@0.2.12").and_then(|mut types| {
        macro_rules! guard {
            ($($name:literal => $function:ident),* $(,)?) => {
                $(types.func_wrap(concat!("[method]descriptor.", $name), |mut store: Cx<'_>, arguments| {
                    Ok(($function(&mut store.data_mut().filesystem(), arguments)?,))
                })?;)*
            };
        }
        guard!(
            "open-at" => open_at,
            "stat-at" => stat_at,
            "metadata-hash-at" => metadata_hash_at,
            "set-times-at" => set_times_at,
            "set-times" => set_times,
            "unlink-file-at" => unlink_file_at,
            "rename-at" => rename_at,
            "create-directory-at" => create_directory_at,
            "remove-directory-at" => remove_directory_at,
            "read-directory" => read_directory,
            "readlink-at" => readlink_at,
            "symlink-at" => no_symlink_at,
            "link-at" => no_link_at,
        );
        Ok(())
    });
    linker.allow_shadowing(false);
    defined.err().map(|error| Box::new(wasmtime_error_t::from(error)))
}

/// Says of which preopened folders only single files are granted; of the others the guest has the whole. Without it every
/// path function of the store's guests is a trap. Call it once, after `wasmtime_context_set_wasi`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rb_context_set_walls(
    mut context: WasmtimeStoreContextMut<'_>,
    files: *const rb_file_grant_t,
    count: usize,
) -> Option<Box<wasmtime_error_t>> {
    // SAFETY: the caller's contract: `count` grants, their names alive for this call.
    let files = if count == 0 { &[] } else { unsafe { std::slice::from_raw_parts(files, count) } };
    let mut view = context.data_mut().filesystem();
    set_walls(&mut view, files).err().map(|error| Box::new(wasmtime_error_t::from(error)))
}

fn set_walls(view: &mut WasiFilesystemCtxView<'_>, files: &[rb_file_grant_t]) -> wasmtime::Result<()> {
    let walls = view.table.push(Walls(Vec::new()))?;
    if walls.rep() != WALLS {
        return Err(wasmtime::format_err!("the store's table is in use already"));
    }
    let mut handles = Vec::new();
    for (descriptor, _guest_path) in Preopens::get_directories(view)? {
        let Descriptor::Dir(dir) = view.table.delete(descriptor)? else {
            return Err(wasmtime::format_err!("a preopened folder is a file"));
        };
        handles.push(handle_of(&dir));
    }
    let walls = view.table.get_mut(&Resource::<Walls>::new_borrow(WALLS))?;
    for file in files {
        let Some(&handle) = handles.get(file.preopen) else {
            return Err(wasmtime::format_err!("a file is granted in a folder that is not open"));
        };
        let grant = FileGrant { name: file.name.text(), read_write: file.read_write, companions: file.companions };
        match walls.0.iter_mut().find(|(folder, _)| *folder == handle) {
            Some((_, grants)) => grants.push(grant),
            None => walls.0.push((handle, vec![grant])),
        }
    }
    Ok(())
}
