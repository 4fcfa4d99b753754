local N = 20000
local out={} for x=0,N-1 do local o={} for k=0,7 do o[k+1]=((2*k+3)*x+101*k)%N end out[x]=o end
local k,s=0,0
for x=0,N-1 do for _,y in ipairs(out[x]) do for _,z in ipairs(out[y]) do for _,w in ipairs(out[z]) do if w==x then k=k+1 s=s+x+2*y-z end end end end end
print(string.format("(%d %d)",k,s))
