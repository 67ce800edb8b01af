//! Wasmtime's official C API, re-exported, plus what that API cannot do for us:
//!
//! * typed host functions for the four calls that carry bytes. The dynamic values of the C API take 32 bytes per byte and
//!   end at Wasmtime's budget per host call; a typed function costs one copy;
//! * a limiter that caps the *sum* of a store's linear memories and says when it refused;
//! * the engine's compatibility hash, for the key of the AOT cache;
//! * file calls of WASI on the caller's own thread;
//! * WASI's waiting (`wasi:io/poll`) in slices, between which the host is asked whether the guest may wait on;
//! * WASI's path functions behind walls: no links, and of a file's folder only that file (folders.rs).
//!
//! `include/rapidbyte/wasmtime_shim.h` is the hand-written header; change both together. The crate is built with
//! `panic = "abort"`: a panic never unwinds into C++.
#![allow(non_camel_case_types)]

mod folders;

pub use folders::*;
pub use wasmtime_c_api::*;

use std::ffi::c_void;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use wasmtime::component::{ComponentType, Lift, Linker, LinkerInstance, Lower, Resource, WasmList};
use wasmtime::{AsContext, ResourceLimiter, StoreContextMut, Trap};
use wasmtime_wasi::clocks::WasiClocksView;
use wasmtime_wasi::p2::DynPollable;
use wasmtime_wasi::p2::bindings::clocks::monotonic_clock::Host as MonotonicClock;
use wasmtime_wasi::p2::bindings::sync::io::poll::{Host as PollHost, HostPollable};
use wasmtime_wasi::{WasiCtxBuilder, WasiView};

// The C API types below wrap exactly one private field (`repr(transparent)` or `repr(C)`), so a reference to the wrapper
// is a reference to the field. These assertions, the exact version in Cargo.toml and the test that instantiates
// every world stop the build or the tests should that ever change.
const _: () = {
    assert!(
        size_of::<wasmtime_component_linker_instance_t<'static>>()
            == size_of::<LinkerInstance<'static, WasmtimeStoreData>>()
    );
    assert!(
        align_of::<wasmtime_component_linker_instance_t<'static>>()
            == align_of::<LinkerInstance<'static, WasmtimeStoreData>>()
    );
    assert!(size_of::<wasmtime_component_linker_t>() == size_of::<Linker<WasmtimeStoreData>>());
    assert!(align_of::<wasmtime_component_linker_t>() == align_of::<Linker<WasmtimeStoreData>>());
    assert!(size_of::<wasi_config_t>() == size_of::<WasiCtxBuilder>());
    assert!(align_of::<wasi_config_t>() == align_of::<WasiCtxBuilder>());
    assert!(size_of::<wasmtime_store_t>() == size_of::<WasmtimeStore>());
    assert!(align_of::<wasmtime_store_t>() == align_of::<WasmtimeStore>());
    assert!(size_of::<wasm_engine_t>() == size_of::<wasmtime::Engine>());
    assert!(align_of::<wasm_engine_t>() == align_of::<wasmtime::Engine>());
};

fn linker_instance<'a, 'b>(
    instance: &'b mut wasmtime_component_linker_instance_t<'a>,
) -> &'b mut LinkerInstance<'a, WasmtimeStoreData> {
    // SAFETY: `repr(transparent)` over this field, asserted above.
    unsafe { &mut *std::ptr::from_mut(instance).cast() }
}

#[derive(ComponentType, Lift, Lower, Clone, Copy)]
#[component(enum)]
#[repr(u8)]
enum ErrorCategory {
    #[component(name = "config")]
    Config,
    #[component(name = "auth")]
    Auth,
    #[component(name = "permission")]
    Permission,
    #[component(name = "rate-limit")]
    RateLimit,
    #[component(name = "transient-network")]
    TransientNetwork,
    #[component(name = "transient-db")]
    TransientDb,
    #[component(name = "data")]
    Data,
    #[component(name = "schema")]
    Schema,
    #[component(name = "internal")]
    Internal,
}

#[derive(ComponentType, Lift, Lower, Clone, Copy)]
#[component(enum)]
#[repr(u8)]
enum ErrorScope {
    #[component(name = "per-stream")]
    PerStream,
    #[component(name = "per-batch")]
    PerBatch,
    #[component(name = "per-record")]
    PerRecord,
}

#[derive(ComponentType, Lift, Lower, Clone, Copy)]
#[component(enum)]
#[repr(u8)]
enum BackoffClass {
    #[component(name = "fast")]
    Fast,
    #[component(name = "normal")]
    Normal,
    #[component(name = "slow")]
    Slow,
}

#[derive(ComponentType, Lift, Lower, Clone, Copy)]
#[component(enum)]
#[repr(u8)]
enum CommitState {
    #[component(name = "before-commit")]
    BeforeCommit,
    #[component(name = "after-commit-unknown")]
    AfterCommitUnknown,
    #[component(name = "after-commit-confirmed")]
    AfterCommitConfirmed,
}

#[derive(ComponentType, Lift, Lower, Clone)]
#[component(record)]
struct ConnectorError {
    category: ErrorCategory,
    scope: ErrorScope,
    code: String,
    message: String,
    retryable: bool,
    #[component(name = "retry-after-ms")]
    retry_after_ms: Option<u64>,
    #[component(name = "backoff-class")]
    backoff_class: BackoffClass,
    #[component(name = "safe-to-retry")]
    safe_to_retry: bool,
    #[component(name = "commit-state")]
    commit_state: Option<CommitState>,
    #[component(name = "details-json")]
    details_json: Option<String>,
}

#[derive(ComponentType, Lower, Clone, Copy)]
#[component(variant)]
enum SocketRead {
    #[component(name = "data")]
    Data(&'static [u8]),
    #[component(name = "eof")]
    Eof,
    #[component(name = "would-block")]
    WouldBlock,
}

#[derive(ComponentType, Lower, Clone, Copy)]
#[component(variant)]
enum SocketWrite {
    #[component(name = "written")]
    Written(u64),
    #[component(name = "would-block")]
    WouldBlock,
}

/// Borrowed bytes; null for an absent text.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct rb_bytes_t {
    data: *const u8,
    size: usize,
}

impl rb_bytes_t {
    const EMPTY: rb_bytes_t = rb_bytes_t { data: std::ptr::null(), size: 0 };

    fn text(&self) -> String {
        if self.data.is_null() {
            return String::new();
        }
        // SAFETY: the callback's contract: valid until the next callback on this store.
        String::from_utf8_lossy(unsafe { std::slice::from_raw_parts(self.data, self.size) }).into_owned()
    }

    fn slice(&self) -> &'static [u8] {
        if self.size == 0 {
            return &[];
        }
        // SAFETY: valid until the next callback on this store; Wasmtime lowers the value (copies it into the guest)
        // before any further guest code runs, so the 'static is never relied upon.
        unsafe { std::slice::from_raw_parts(self.data, self.size) }
    }
}

/// `connector-error` as C: enums by their index in the WIT, -1 for an absent commit state.
#[repr(C)]
pub struct rb_connector_error_t {
    category: u8,
    scope: u8,
    backoff_class: u8,
    commit_state: i8,
    retryable: bool,
    safe_to_retry: bool,
    has_retry_after: bool,
    retry_after_ms: u64,
    code: rb_bytes_t,
    message: rb_bytes_t,
    details_json: rb_bytes_t,
}

impl rb_connector_error_t {
    fn empty() -> Self {
        rb_connector_error_t {
            category: 8,
            scope: 0,
            backoff_class: 1,
            commit_state: -1,
            retryable: false,
            safe_to_retry: false,
            has_retry_after: false,
            retry_after_ms: 0,
            code: rb_bytes_t::EMPTY,
            message: rb_bytes_t::EMPTY,
            details_json: rb_bytes_t::EMPTY,
        }
    }

    fn lift(&self) -> ConnectorError {
        use ErrorCategory::*;
        ConnectorError {
            category: *[Config, Auth, Permission, RateLimit, TransientNetwork, TransientDb, Data, Schema]
                .get(self.category as usize)
                .unwrap_or(&Internal),
            scope: match self.scope {
                0 => ErrorScope::PerStream,
                1 => ErrorScope::PerBatch,
                _ => ErrorScope::PerRecord,
            },
            code: self.code.text(),
            message: self.message.text(),
            retryable: self.retryable,
            retry_after_ms: self.has_retry_after.then_some(self.retry_after_ms),
            backoff_class: match self.backoff_class {
                0 => BackoffClass::Fast,
                1 => BackoffClass::Normal,
                _ => BackoffClass::Slow,
            },
            safe_to_retry: self.safe_to_retry,
            commit_state: match self.commit_state {
                0 => Some(CommitState::BeforeCommit),
                1 => Some(CommitState::AfterCommitUnknown),
                2 => Some(CommitState::AfterCommitConfirmed),
                _ => None,
            },
            details_json: (!self.details_json.data.is_null()).then(|| self.details_json.text()),
        }
    }
}

/// Answers of a byte callback.
const RB_OK: i32 = 0;
const RB_NOTHING: i32 = 1;
const RB_WOULD_BLOCK: i32 = 2;

/// The byte functions as C callbacks. `data` is the store's own data pointer (`wasmtime_context_get_data`).
#[repr(C)]
#[derive(Clone, Copy)]
pub struct rb_byte_functions_t {
    emit_batch: extern "C" fn(*mut c_void, rb_bytes_t, *mut rb_connector_error_t) -> i32,
    next_batch: extern "C" fn(*mut c_void, *mut rb_bytes_t, *mut rb_connector_error_t) -> i32,
    socket_read: extern "C" fn(*mut c_void, u64, u64, *mut rb_bytes_t, *mut rb_connector_error_t) -> i32,
    socket_write: extern "C" fn(*mut c_void, u64, rb_bytes_t, *mut u64, *mut rb_connector_error_t) -> i32,
}

type Cx<'a> = StoreContextMut<'a, WasmtimeStoreData>;

fn borrow<'a>(store: &'a Cx<'_>, list: &WasmList<u8>) -> rb_bytes_t {
    let bytes: &'a [u8] = list.as_le_slice(store);
    rb_bytes_t { data: bytes.as_ptr(), size: bytes.len() }
}

fn store_data(store: &Cx<'_>) -> *mut c_void {
    wasmtime_context_get_data(store.as_context())
}

/// Defines emit-batch, next-batch, socket-read and socket-write in `instance`.
#[unsafe(no_mangle)]
pub extern "C" fn rb_linker_define_byte_functions(
    instance: &mut wasmtime_component_linker_instance_t<'_>,
    functions: &rb_byte_functions_t,
) -> Option<Box<wasmtime_error_t>> {
    let linker = linker_instance(instance);
    let f = *functions;
    let defined = linker
        .func_wrap("emit-batch", move |store: Cx<'_>, (batch,): (WasmList<u8>,)| {
            let mut error = rb_connector_error_t::empty();
            let rc = (f.emit_batch)(store_data(&store), borrow(&store, &batch), &mut error);
            Ok((if rc == RB_OK { Ok(()) } else { Err(error.lift()) },))
        })
        .and_then(|()| {
            linker.func_wrap("next-batch", move |store: Cx<'_>, (): ()| {
                let mut error = rb_connector_error_t::empty();
                let mut out = rb_bytes_t::EMPTY;
                Ok((match (f.next_batch)(store_data(&store), &mut out, &mut error) {
                    RB_OK => Ok(Some(out.slice())),
                    RB_NOTHING => Ok(None),
                    _ => Err(error.lift()),
                },))
            })
        })
        .and_then(|()| {
            linker.func_wrap("socket-read", move |store: Cx<'_>, (handle, len): (u64, u64)| {
                let mut error = rb_connector_error_t::empty();
                let mut out = rb_bytes_t::EMPTY;
                Ok((match (f.socket_read)(store_data(&store), handle, len, &mut out, &mut error) {
                    RB_OK => Ok(SocketRead::Data(out.slice())),
                    RB_NOTHING => Ok(SocketRead::Eof),
                    RB_WOULD_BLOCK => Ok(SocketRead::WouldBlock),
                    _ => Err(error.lift()),
                },))
            })
        })
        .and_then(|()| {
            linker.func_wrap("socket-write", move |store: Cx<'_>, (handle, bytes): (u64, WasmList<u8>)| {
                let mut error = rb_connector_error_t::empty();
                let mut written = 0u64;
                let rc = (f.socket_write)(store_data(&store), handle, borrow(&store, &bytes), &mut written, &mut error);
                Ok((match rc {
                    RB_OK => Ok(SocketWrite::Written(written)),
                    RB_WOULD_BLOCK => Ok(SocketWrite::WouldBlock),
                    _ => Err(error.lift()),
                },))
            })
        });
    defined.err().map(|error| Box::new(wasmtime_error_t::from(error)))
}

/// How long a guest waits inside WASI before the host is asked again. As long as the epoch's tick, which asks the same
/// question of guests that compute.
const WAIT_SLICE_NS: u64 = 50_000_000;

/// Whether the guest of a store may wait on; `data` is the store's own data pointer.
pub type rb_may_wait_t = extern "C" fn(*mut c_void) -> bool;

/// `wasi:io/poll.poll`, but a wait ends when `may_wait` says no. Each slice is a poll of its own with one more pollable,
/// a timer: WASI lets the same pollable be asked any number of times.
fn poll_in_slices(
    store: &mut Cx<'_>,
    pollables: &[Resource<DynPollable>],
    may_wait: rb_may_wait_t,
) -> wasmtime::Result<Vec<u32>> {
    let timer_index = u32::try_from(pollables.len())?;
    loop {
        if !may_wait(store_data(store)) {
            return Err(wasmtime::format_err!("stopped by the host"));
        }
        let timer = store.data_mut().clocks().subscribe_duration(WAIT_SLICE_NS)?;
        let asked = pollables.iter().chain([&timer]).map(|pollable| Resource::new_borrow(pollable.rep())).collect();
        let table = store.data_mut().ctx().table;
        let ready = PollHost::poll(table, asked);
        HostPollable::drop(table, timer)?;
        let mut ready = ready?;
        ready.retain(|index| *index != timer_index);
        if !ready.is_empty() {
            return Ok(ready);
        }
    }
}

/// Replaces the two functions of `wasi:io/poll` that wait, `poll` and `pollable.block`: what sleep() and poll() of a guest's
/// C library become. Wasmtime's own wait inside its asynchronous runtime and see neither deadline nor cancellation. Call it
/// after `wasmtime_component_linker_add_wasip2`.
#[unsafe(no_mangle)]
pub extern "C" fn rb_linker_guard_waits(
    linker: &mut wasmtime_component_linker_t,
    may_wait: rb_may_wait_t,
) -> Option<Box<wasmtime_error_t>> {
    // SAFETY: `repr(transparent)` over this field, asserted above.
    let linker: &mut Linker<WasmtimeStoreData> = unsafe { &mut *std::ptr::from_mut(linker).cast() };
    linker.allow_shadowing(true);
    let defined = linker.instance("wasi:io/poll@0.2.12").and_then(|mut poll| {
        poll.func_wrap("poll", move |mut store: Cx<'_>, (list,): (Vec<Resource<DynPollable>>,)| {
            if list.is_empty() {
                return Err(wasmtime::format_err!("empty poll list"));
            }
            Ok((poll_in_slices(&mut store, &list, may_wait)?,))
        })?;
        poll.func_wrap("[method]pollable.block", move |mut store: Cx<'_>, (one,): (Resource<DynPollable>,)| {
            poll_in_slices(&mut store, &[one], may_wait).map(|_ready| ())
        })
    });
    linker.allow_shadowing(false);
    defined.err().map(|error| Box::new(wasmtime_error_t::from(error)))
}

/// What a store may use, and what it did use. Shared with C++ by pointer; the counters are atomic.
#[derive(Default)]
struct Usage {
    total: AtomicU64,
    peak: AtomicU64,
    refused: AtomicU64,
}

pub struct rb_store_usage_t(Arc<Usage>);

struct SumLimiter {
    max_memory: u64,
    max_table_elements: usize,
    max_instances: usize,
    max_tables: usize,
    max_memories: usize,
    usage: Arc<Usage>,
}

impl ResourceLimiter for SumLimiter {
    fn memory_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> wasmtime::Result<bool> {
        let delta = desired.saturating_sub(current) as u64;
        let total = self.usage.total.load(Ordering::Relaxed);
        if maximum.is_some_and(|most| desired > most) {
            return Ok(false);
        }
        if delta > self.max_memory.saturating_sub(total) {
            self.usage.refused.fetch_max(desired as u64, Ordering::Relaxed);
            return Ok(false);
        }
        self.usage.total.store(total + delta, Ordering::Relaxed);
        self.usage.peak.fetch_max(total + delta, Ordering::Relaxed);
        Ok(true)
    }

    fn table_growing(&mut self, _current: usize, desired: usize, maximum: Option<usize>) -> wasmtime::Result<bool> {
        Ok(desired <= self.max_table_elements && maximum.is_none_or(|most| desired <= most))
    }

    fn instances(&self) -> usize {
        self.max_instances
    }

    fn tables(&self) -> usize {
        self.max_tables
    }

    fn memories(&self) -> usize {
        self.max_memories
    }
}

/// The limiter of one store, owned by the closure that the store keeps.
struct OwnedLimiter(std::cell::UnsafeCell<SumLimiter>);
// SAFETY: a store is used by one thread at a time, and only its own calls reach the limiter.
unsafe impl Sync for OwnedLimiter {}

/// Caps a store; returns the counters, which live on after the store and are freed by `rb_store_usage_delete`.
#[unsafe(no_mangle)]
pub extern "C" fn rb_store_limit(
    store: &mut wasmtime_store_t,
    max_memory: u64,
    max_table_elements: usize,
    max_instances: usize,
    max_tables: usize,
    max_memories: usize,
) -> Box<rb_store_usage_t> {
    // SAFETY: `repr(C)` with this one field, asserted above.
    let store: &mut WasmtimeStore = unsafe { &mut *std::ptr::from_mut(store).cast() };
    let usage = Arc::new(Usage::default());
    let limiter = OwnedLimiter(std::cell::UnsafeCell::new(SumLimiter {
        max_memory,
        max_table_elements,
        max_instances,
        max_tables,
        max_memories,
        usage: usage.clone(),
    }));
    store.limiter(move |_data| {
        let owned = &limiter;
        // SAFETY: called by the store, which is borrowed mutably for as long as the reference is used.
        unsafe { &mut *owned.0.get() }
    });
    Box::new(rb_store_usage_t(usage))
}

/// Raises what one call of a host function may bring (Wasmtime's own budget is 128 MiB, and more is a trap).
#[unsafe(no_mangle)]
pub extern "C" fn rb_store_allow_call_bytes(store: &mut wasmtime_store_t, bytes: usize) {
    // SAFETY: `repr(C)` with this one field, asserted above.
    let store: &mut WasmtimeStore = unsafe { &mut *std::ptr::from_mut(store).cast() };
    store.set_hostcall_fuel(bytes);
}

/// Highest sum of the linear memories so far, bytes.
#[unsafe(no_mangle)]
pub extern "C" fn rb_store_usage_peak(usage: &rb_store_usage_t) -> u64 {
    usage.0.peak.load(Ordering::Relaxed)
}

/// Size in bytes that a memory wanted when the limit refused it; 0 when nothing was refused.
#[unsafe(no_mangle)]
pub extern "C" fn rb_store_usage_refused(usage: &rb_store_usage_t) -> u64 {
    usage.0.refused.load(Ordering::Relaxed)
}

#[unsafe(no_mangle)]
pub extern "C" fn rb_store_usage_delete(_usage: Box<rb_store_usage_t>) {}

/// Changes whenever compiled code of this engine could not be loaded by another one: version, target, settings.
#[unsafe(no_mangle)]
pub extern "C" fn rb_engine_compatibility_hash(engine: &wasm_engine_t) -> u64 {
    // SAFETY: `repr(C)` with this one field, asserted above.
    let engine: &wasmtime::Engine = unsafe { &*std::ptr::from_ref(engine).cast() };
    let mut hasher = DefaultHasher::new();
    engine.precompile_compatibility_hash().hash(&mut hasher);
    hasher.finish()
}

/// Lets WASI's file calls run on the caller's own thread. Without it every read and write is a round trip through a
/// thread pool; our instances have a thread each and block in host calls anyway.
#[unsafe(no_mangle)]
pub extern "C" fn rb_wasi_config_file_calls_inline(config: &mut wasi_config_t) {
    // SAFETY: `repr(C)` with this one field, asserted above.
    let builder: &mut WasiCtxBuilder = unsafe { &mut *std::ptr::from_mut(config).cast() };
    builder.allow_blocking_current_thread(true);
}

/// Why a call ended: 0 some other error, 1 trap, 2 stack overflow, 3 the guest called exit(), 4 the guest gave up by
/// itself (`unreachable`: abort(), also what a C++ guest does when it gets no memory).
#[unsafe(no_mangle)]
pub extern "C" fn rb_error_classify(error: &mut Option<Box<wasmtime_error_t>>) -> i32 {
    let Some(boxed) = error.take() else {
        return 0;
    };
    let inner: wasmtime::Error = (*boxed).into();
    let class = match inner.downcast_ref::<Trap>() {
        Some(Trap::StackOverflow) => 2,
        Some(Trap::UnreachableCodeReached) => 4,
        Some(_) => 1,
        None if inner.downcast_ref::<wasmtime_wasi::I32Exit>().is_some() => 3,
        None => 0,
    };
    *error = Some(Box::new(inner.into()));
    class
}
