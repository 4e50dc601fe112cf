"""pip install .: the Python module, which is the header compiled for it."""
import re

from setuptools import setup

header = open("gamutmlp.h", encoding="utf-8").read()
version = ".".join(re.search(r"define GMLP_VERSION_%s (\d+)" % part, header)[1] for part in ("MAJOR", "MINOR", "PATCH"))

setup(
    name="gamutmlp",
    version=version,
    description="Wide gamut and HDR in an ordinary sRGB file, by a small network",
    license="MIT",
    python_requires=">=3.9",
    install_requires=["cffi>=1.15", "numpy"],
    setup_requires=["cffi>=1.15"],
    package_dir={"": "python"},
    packages=["gamutmlp"],
    package_data={"gamutmlp": ["py.typed", "_library.pyi"]},
    cffi_modules=["python/build_library.py:ffi"],
)
