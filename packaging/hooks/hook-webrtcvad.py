"""The module webrtcvad comes from webrtcvad-wheels; PyInstaller's own hook asks for a distribution that is not there."""

from PyInstaller.utils.hooks import copy_metadata

datas = copy_metadata("webrtcvad-wheels")
