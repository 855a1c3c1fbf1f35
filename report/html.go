package report

import (
	"bytes"
	_ "embed"
	"html/template"
	"io"
	"time"
)

// Style is the style sheet of Body: it works by itself, and takes the colours of a page around it.
//
//go:embed report.css
var Style string

//go:embed report.html
var pageText string

// page is the body of a report, and the frame of one that stands by itself.
var page = template.Must(template.New("report").Funcs(template.FuncMap{
	"style": func() template.CSS { return template.CSS(Style) },
	"stamp": func(t time.Time) string { return t.Format(time.RFC3339) },
}).Parse(pageText))

// Body is a report as a part of a page that has Style.
func Body(r Report) (template.HTML, error) {
	var b bytes.Buffer
	if err := page.ExecuteTemplate(&b, "body", r.Newest()); err != nil {
		return "", err
	}
	return template.HTML(b.String()), nil
}

// HTML writes a page by itself: it loads nothing and runs nothing, and is made to be printed.
func HTML(w io.Writer, r Report) error {
	return page.ExecuteTemplate(w, "page", r.Newest())
}
