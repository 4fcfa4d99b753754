local N = 200
local function entry(i,j) return 1.0/((i+j)*(i+j+1)/2+i+1) end
local function both(u)
  local w,v = {},{}
  for i=0,N-1 do local s=0.0 for j=0,N-1 do s=s+entry(i,j)*u[j] end w[i]=s end
  for i=0,N-1 do local s=0.0 for j=0,N-1 do s=s+entry(j,i)*w[j] end v[i]=s end
  return v
end
local u,v = {},nil
for i=0,N-1 do u[i] = 1.0 end
for _=1,10 do v = both(u) u = both(v) end
local a,b = 0.0,0.0
for i=0,N-1 do a=a+u[i]*v[i] b=b+v[i]*v[i] end
print(string.format("%.1f",math.floor(1000000000.0*math.sqrt(a/b))))
