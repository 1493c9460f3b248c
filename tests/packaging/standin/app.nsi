; A stand-in for the app: runs until it is asked to end. With a file "stubborn" in its folder it does not hear that.
Unicode true
Target amd64-unicode
OutFile "${OUT}"
RequestExecutionLevel user
SilentInstall silent

Section
  CreateDirectory "$LOCALAPPDATA\Drawbridge"
  FileOpen $0 "$LOCALAPPDATA\Drawbridge\running" w
  FileClose $0
again:
  Sleep 20
  IfFileExists "$LOCALAPPDATA\Drawbridge\stubborn" again
  IfFileExists "$LOCALAPPDATA\Drawbridge\end-asked" 0 again
  Delete "$LOCALAPPDATA\Drawbridge\end-asked"
  Delete "$LOCALAPPDATA\Drawbridge\running"
SectionEnd
