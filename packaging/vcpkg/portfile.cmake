# An overlay port of the source that it lies in: vcpkg install gamutmlp --overlay-ports=packaging/vcpkg
get_filename_component(source "${CMAKE_CURRENT_LIST_DIR}/../.." ABSOLUTE)
set(VCPKG_BUILD_TYPE release) # nothing is compiled

file(INSTALL "${source}/gamutmlp.h" DESTINATION "${CURRENT_PACKAGES_DIR}/include")
file(INSTALL "${source}/gamutmlp_cuda.cu" "${source}/packaging/gamutmlp-config.cmake"
     DESTINATION "${CURRENT_PACKAGES_DIR}/share/${PORT}")
file(GLOB shaders "${source}/shaders/gamutmlp_decode.*")
file(INSTALL ${shaders} DESTINATION "${CURRENT_PACKAGES_DIR}/share/${PORT}/shaders")
file(INSTALL "${source}/LICENSE" DESTINATION "${CURRENT_PACKAGES_DIR}/share/${PORT}" RENAME copyright)
