local N = 400
local k,s = 0,0
for c=1,N do for b=1,c do for a=1,b do if a*a+b*b == c*c then k=k+1 s=s+a+b+c end end end end
print(string.format("(%d %d)",k,s))
