package factor

import (
	"strconv"
	"strings"

	"rsc.io/qr"
)

// QR is a QR code as an SVG path: the dark squares, in a square of Size units that
// has the margin which scanners need.
type QR struct {
	Size int
	Path string
}

// qrMargin is the quiet zone of ISO/IEC 18004, in squares.
const qrMargin = 4

// qrOf draws a text, the zero QR if it is too long for one.
func qrOf(text string) QR {
	code, err := qr.Encode(text, qr.M)
	if err != nil {
		return QR{}
	}
	var path strings.Builder
	for y := range code.Size {
		for x := 0; x < code.Size; x++ {
			from := x
			for code.Black(x, y) { // false beyond the edge
				x++
			}
			if n := x - from; n > 0 {
				path.WriteString("M" + strconv.Itoa(from+qrMargin) + " " + strconv.Itoa(y+qrMargin) +
					"h" + strconv.Itoa(n) + "v1h-" + strconv.Itoa(n) + "z")
			}
		}
	}
	return QR{Size: code.Size + 2*qrMargin, Path: path.String()}
}
