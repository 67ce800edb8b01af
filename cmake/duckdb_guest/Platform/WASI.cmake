# No shared libraries and no prefixes; everything else is left to the compiler.
set_property(GLOBAL PROPERTY TARGET_SUPPORTS_SHARED_LIBS FALSE)
