"""Small valid files of every format that has a reader of our own."""

from __future__ import annotations

import gzip
import io
import tarfile
import zipfile

import numpy as np

X = np.round(np.arange(20.0, 30.0, 0.1), 4)
Y = np.round(100 + 50 * np.exp(-((X - 25) ** 2)), 3)
E_STEPS = np.concatenate([np.arange(8900.0, 8950, 10), np.arange(8950.0, 9000, 1)])
MU = np.round(1 / (1 + np.exp(-(E_STEPS - 8980) / 3)), 6)
CIF = """data_Cu
_cell_length_a 3.6
_cell_length_b 3.6
_cell_length_c 3.6
_cell_angle_alpha 90
_cell_angle_beta 90
_cell_angle_gamma 90
_symmetry_space_group_name_H-M 'P 1'
loop_
_atom_site_label
_atom_site_type_symbol
_atom_site_fract_x
_atom_site_fract_y
_atom_site_fract_z
Cu1 Cu 0 0 0
Au1 Au 0.5 0.5 0
"""
POSCAR = "CuAu\n1.0\n3.6 0 0\n0 3.6 0\n0 0 3.6\nCu Au\n1 1\ndirect\n0 0 0\n0.5 0.5 0\n"


def rows(*columns: np.ndarray, gap: str = " ") -> str:
    return "\n".join(
        gap.join(f"{v:g}" if gap == "," else repr(float(v)) for v in row) for row in zip(*columns, strict=True)
    )


def xrdml(scans: int = 1) -> str:
    scan = (
        '<scan scanAxis="Gonio"><header><startTimeStamp>2024-01-01T00:0{}:00+00:00</startTimeStamp></header>'
        '<dataPoints><positions axis="2Theta" unit="deg"><startPosition>20</startPosition>'
        "<endPosition>22</endPosition></positions>"
        '<beamAttenuationFactors>1 1 10 1 1</beamAttenuationFactors><counts unit="counts">1 2 3 2 1</counts>'
        "</dataPoints></scan>"
    )
    return (
        '<?xml version="1.0"?><xrdMeasurements xmlns="http://www.xrdml.com/XRDMeasurement/2.1"><xrdMeasurement>'
        "<usedWavelength><kAlpha1>1.5405980</kAlpha1></usedWavelength>"
        + "".join(scan.format(i) for i in range(scans))
        + "</xrdMeasurement></xrdMeasurements>"
    )


def zipped(members: dict[str, str | bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, body in members.items():
            archive.writestr(name, body)
    return out.getvalue()


RASX_CONDITIONS = (
    "<MeasurementConditions><ScanInformation><AxisName>TwoTheta</AxisName><PositionUnit>deg</PositionUnit>"
    "</ScanInformation></MeasurementConditions>"
)
BRML = (
    '<RawData xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><WaveLengthAlpha1 Unit="A" Value="0.5594" />'
    "<DataRoutes><DataRoute><Datum>96,1,4,2,10</Datum>"
    "<Datum>96,1,4.02,2.01,12</Datum><Datum>96,1,4.04,2.02,11</Datum>"
    '<RawDataView xsi:type="FixedRawDataView" Start="0" Length="1" />'
    '<RawDataView xsi:type="VaryingRawDataView" Start="2" Length="2"><FieldDefinitions FieldName="TwoTheta" />'
    '<FieldDefinitions FieldName="Theta" /></RawDataView>'
    '<RawDataView xsi:type="RecordedRawDataView" Start="4" Length="1" /></DataRoute></DataRoutes></RawData>'
)
XDI = (
    "# XDI/1.0 X/1\n# Column.1: energy eV\n# Column.2: i0\n# Column.3: itrans\n"
    "# Element.edge: K\n# Element.symbol: Cu\n"
    "# Mono.d_spacing: 3.13553\n# Sample.name: Cu foil\n# ///\n# a comment\n#----\n# energy i0 itrans\n"
) + rows(E_STEPS, np.full_like(MU, 1000.0), 1000 * np.exp(-MU))
HEATER = (
    "0\t21\t\n30\t600\t\n23/09/'22 23:59\tDigiheater 3.2\t\nR0 = 158.6\tTsample = 330 [ms]\t\n"
    "sample\ttime\tTSet[C]\tTMeas[C]\tRheat[ohm]\tPheat [mW]\tc\n"
    + "\n".join(
        f"{i + 1}\t{23 + (59 * 60 + 58 + i) // 3600 - (24 if 59 * 60 + 58 + i >= 3600 else 0):02d}:"
        f"{(59 * 60 + 58 + i) % 3600 // 60:02d}:{(58 + i) % 60:02d}.00\t{20 + i}.0\t{20.5 + i}\t158.2\t0.5\t153.05"
        for i in range(6)
    )
    + "\n"
)
PRJ = (
    "# Athena project file -- Demeter version 0.5.9\n\n$old_group = 'abc';\n"
    "@args = ('label','Cu foil','bkg_z','Cu','fft_edge','k');\n"
    f"@x = ({','.join(repr(str(v)) for v in E_STEPS)});\n@y = ({','.join(repr(str(v)) for v in MU)});\n[record]\n1;\n"
)
MCA = (
    "VERSION:    3.1\nELEMENTS:   2\nDATE: x\nCHANNELS:   4\nCAL_OFFSET: 0.1 0.2\nCAL_SLOPE: 0.01 0.02\n"
    "DATA: \n 1 2\n 3 4\n 5 6\n 7 8\n"
)
SPE = "$SPEC_ID:\n\n$DATA:\n       0        4\n        4.        3.        4.\n        7.        7.\n"


def npy(array: np.ndarray) -> bytes:
    out = io.BytesIO()
    np.save(out, array, allow_pickle=True)
    return out.getvalue()


def png(array: np.ndarray, format: str = "PNG") -> bytes:
    from PIL import Image

    out = io.BytesIO()
    Image.fromarray(array).save(out, format)
    return out.getvalue()


def tarred(members: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name, body in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(body)
            archive.addfile(info, io.BytesIO(body))
        end = archive.offset
    return out.getvalue()[:end]  # without the empty blocks behind


def ksa(images: np.ndarray, version: bytes = b"KSA00J", size: int = 685) -> bytes:
    height, width = images.shape[1:]
    head = bytearray(size)
    head[39:45] = version
    head[49:51] = width.to_bytes(2, "big")
    head[321:323] = height.to_bytes(2, "big")
    return b"".join(bytes(head) + image.astype("<u2").tobytes() for image in images)


IMAGE = (np.arange(20 * 30).reshape(20, 30) % 251).astype(np.uint8)
OWN: dict[str, bytes] = {
    "a.xy": rows(X, Y).encode(),
    "a.xye": ("# 2theta intensity su\n" + rows(X, Y, np.sqrt(Y))).encode(),
    "a.chi": ("title\n 2-Theta Angle (Degrees)\n Intensity\n 100\n" + rows(X, Y)).encode(),
    "a.dat": ("20 0.1 22\n" + "\n".join(str(i) for i in range(21))).encode(),
    "a.csv": ("X,Y\n" + "\n".join(f"{i},{i * i % 17}" for i in range(9))).encode(),
    "log.csv": b"time / s,temperature / C,state\n0,20,a\n1,21,b\n2,23,c\n",
    "a.xmu": ("#%edge: K\n#   energy  mu\n" + rows(E_STEPS, MU)).encode(),
    "a.xrdml": xrdml().encode(),
    "a.rasx": zipped(
        {
            "Data0/Profile0.txt": "\ufeff" + rows(X, Y, np.ones_like(X), gap="\t"),
            "Data0/MesurementConditions0.xml": RASX_CONDITIONS,
        }
    ),
    "a.brml": zipped({"Experiment0/RawData0.xml": BRML}),
    "a.xdi": XDI.encode(),
    "a.prj": gzip.compress(PRJ.encode()),
    "a.mca": MCA.encode(),
    "a.spe": SPE.encode(),
    "heater.txt": HEATER.encode(),
    "a.npy": npy(IMAGE),
    "a.npz": zipped({"one.npy": npy(IMAGE)}),
    "a.png": png(IMAGE),
    "a.jpg": png(IMAGE, "JPEG"),
    "a.img": ksa(IMAGE[None]),
    "a.tar": tarred({"a.xy": rows(X, Y).encode()}),
    "a.xy.gz": gzip.compress(rows(X, Y).encode(), mtime=0),
}
