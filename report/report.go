// Package report puts the outages of a period in writing, as text, CSV and a page to print, for the ISP.
package report
