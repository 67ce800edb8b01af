# No shared libraries, no prefixes of its own; everything else is the compiler's.
set_property(GLOBAL PROPERTY TARGET_SUPPORTS_SHARED_LIBS FALSE)
