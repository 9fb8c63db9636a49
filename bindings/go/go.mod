module nfm

go 1.19
