# The tag of C++ exceptions, which every throw and catch names. LLVM's own definition is in a file that Debian's builtins for wasm32 hold empty.
	.globl	__cpp_exception
	.tagtype	__cpp_exception i32
__cpp_exception:
