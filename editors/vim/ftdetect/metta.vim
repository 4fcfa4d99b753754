autocmd BufRead,BufNewFile *.metta setfiletype metta
